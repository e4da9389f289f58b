import { UserError } from '../base/index.js'
import { capi } from './capi.js'
import { cpu, type Device, deviceName } from './devices.js'
import { canMap } from './memory.js'
import { nativeRuntimeOn } from './native.js'
import { publicRuntime } from './public.js'
import type { Runtime } from './session.js'

/**
 * The runtime over the C interface, or over the public one where that can't be reached.
 *
 * @param onNote told in one line when the slower way is taken, and why
 * @param device one of `chooseDevices`
 * @throws {UserError} another device than the processor, where the C interface can't be reached
 */
export function chooseRuntime(onNote: (text: string) => void, device: Device = cpu): Runtime {
  const obstacle = nativeObstacle()
  if (obstacle === undefined) return nativeRuntimeOn(device)
  if (device.kind !== 'cpu') throw new UserError(`${deviceName(device)} can't be used: ${obstacle}`)
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
