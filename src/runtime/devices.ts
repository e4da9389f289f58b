/** Where a session computes: names of devices, which of them are here, and one for each worker. */
import { UserError } from '../base/index.js'
import { cudaPresence } from './cuda.js'
import { webgpuPresence } from './webgpu.js'

export const deviceKinds = ['cpu', 'cuda', 'webgpu'] as const
export type DeviceKind = (typeof deviceKinds)[number]

/** A device, or the processor. */
export interface Device {
  readonly kind: DeviceKind
  /** From 0, as the provider counts; 0 on the processor. */
  readonly index: number
}

export const cpu: Device = { kind: 'cpu', index: 0 }

/** The names of one kind's devices, or why there are none: what is missing, in a few words. */
export type Presence =
  | { readonly devices: readonly [string, ...string[]] }
  | { readonly devices: readonly []; readonly obstacle: string }

/** What is here, looked up when it is asked for. */
export type Machine = Readonly<Record<Exclude<DeviceKind, 'cpu'>, () => Presence>>

const thisMachine: Machine = { cuda: cudaPresence, webgpu: webgpuPresence }

/** `cpu`, `cuda:1`, `webgpu:0` */
export function deviceName({ kind, index }: Device): string {
  return kind === 'cpu' ? kind : `${kind}:${index}`
}

/** What was asked for; nothing: one worker on the processor. */
export interface Wanted {
  readonly device?: DeviceKind
  /** Numbers of devices, one a worker; they say how many workers there are. */
  readonly gpus?: readonly number[]
  /** Lets several workers have one device. */
  readonly shareDevices?: boolean
  readonly workers?: number
}

/**
 * One device a worker. `gpus` are CUDA's where that is usable, else WebGPU's, unless `device` says which. With
 * `shareDevices` one may be named twice, and the numbers 0 … n − 1 of n workers always stand for a device: they are
 * dealt over those that are here.
 *
 * @throws {UserError} a device that isn't here, is named twice, or lacks its libraries
 */
export function chooseDevices(wanted: Wanted, machine: Machine = thisMachine): readonly Device[] {
  const { device, workers = 1, shareDevices = false } = wanted
  if (wanted.gpus === undefined && (device ?? 'cpu') === 'cpu')
    return Array.from({ length: workers }, () => cpu)
  const gpus = wanted.gpus ?? [...Array(workers).keys()]
  const said = wanted.gpus
    ? `--gpus ${gpus}`
    : `--device ${device}${workers > 1 ? ` --workers ${workers}` : ''}`
  if (device === 'cpu') throw new UserError(`${said}: --device cpu has no GPUs: leave one of the two out`)
  const twice = gpus.find((index, i) => gpus.indexOf(index) !== i)
  if (twice !== undefined && !shareDevices)
    throw new UserError(`${said} names device ${twice} twice: name each once, or add --share-devices`)
  const { kind, devices } = usable(said, device, machine)
  const isKnown = (index: number) => index < devices.length || (shareDevices && index < gpus.length)
  const unknown = gpus.find((index) => !isKnown(index))
  if (unknown !== undefined) {
    const here = devices.map((name, index) => `${index}: ${name}`).join(', ')
    const share = shareDevices || unknown >= gpus.length ? '' : ', or add --share-devices'
    throw new UserError(
      `${said}: there is no ${kind} device ${unknown} (here: ${here}): name one of these${share}`,
    )
  }
  return gpus.map((index) => ({ kind, index: index % devices.length }))
}

/** Every device but the processor, and why there are none of a kind. */
export function presentDevices(machine: Machine = thisMachine) {
  const found = Object.entries(machine).map(([kind, look]) => [kind as keyof Machine, look()] as const)
  return {
    devices: found.flatMap(([kind, { devices }]) =>
      devices.map((name, index) => ({ device: deviceName({ kind, index }), name })),
    ),
    obstacles: Object.fromEntries(
      found.flatMap(([kind, presence]) => ('obstacle' in presence ? [[kind, presence.obstacle]] : [])),
    ) as Readonly<Partial<Record<keyof Machine, string>>>,
  }
}

/** The kind that was asked for, or the first that has devices. */
function usable(said: string, device: keyof Machine | undefined, machine: Machine) {
  const kinds = device === undefined ? (['cuda', 'webgpu'] as const) : [device]
  const obstacles: string[] = []
  for (const kind of kinds) {
    const presence = machine[kind]()
    if (presence.devices.length > 0) return { kind, devices: presence.devices }
    if ('obstacle' in presence) obstacles.push(`${kind}: ${presence.obstacle}`)
  }
  throw new UserError(`${said}: no such device can be used (${obstacles.join('; ')}): see vl-lst doctor`)
}
