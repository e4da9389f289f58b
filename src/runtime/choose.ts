import { UserError } from '../base/index.js'
import { capi } from './capi.js'
import { canMap } from './memory.js'
import { nativeRuntime } from './native.js'
import { publicRuntime } from './public.js'
import type { Runtime } from './session.js'

/**
 * The runtime over the C interface, or over the public one where that can't be reached.
 *
 * @param onNote told in one line when the slower way is taken, and why
 */
export function chooseRuntime(onNote: (text: string) => void): Runtime {
  const obstacle = nativeObstacle()
  if (obstacle === undefined) return nativeRuntime
  onNote(
    `${obstacle}: ONNX Runtime is used through its public interface, which copies outputs and blocks while it runs`,
  )
  return publicRuntime
}

function nativeObstacle(): string | undefined {
  if (!canMap) return 'files can’t be mapped on this platform yet'
  try {
    capi()
    return undefined
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
}
