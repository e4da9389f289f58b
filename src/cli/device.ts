/** `--device` */
import type { Options } from 'yargs'
import { chooseDevices, chooseRuntime, type DeviceKind, deviceKinds, type Runtime } from '../runtime/index.js'
import { choiceOf, type Typed } from './given.js'

export const deviceOption = {
  device: {
    type: 'string',
    requiresArg: true,
    describe: `what computes: ${deviceKinds.join(', ')}; default: cpu (what is here: vl-lst doctor)`,
  },
} as const satisfies Record<string, Options>

/** @throws {UserError} no kind of device */
const deviceKindOf = (typed: Typed): DeviceKind | undefined => choiceOf(typed, 'device', deviceKinds)

/** The runtime on the first device of the kind that was asked for. @throws {UserError} there is none */
export function runtimeOf(typed: Typed, onNote: (text: string) => void): Runtime {
  const device = deviceKindOf(typed)
  const [first] = chooseDevices(device === undefined ? {} : { device })
  return chooseRuntime(onNote, first)
}
