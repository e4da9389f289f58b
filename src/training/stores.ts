/** Where the parameters of a run lie: in host memory, in a device's, or where all workers of a machine see them. */
import type { DeviceMemory, Runtime } from '../runtime/index.js'
import { type ParameterSpec, ParameterStore, slabLengths } from './parameters.js'
import type { Span } from './slabs.js'
import type { CommonMemory, WorkerGroup } from './workers/group.js'

/** What one worker updates, where each updates a part. */
export interface Part {
  readonly common: CommonMemory
  readonly own: ReadonlySet<string>
  readonly stretches: readonly Span[]
}

export interface Stores {
  readonly store: ParameterStore
  /** Where the gradients of a step gather: the store itself, or host memory that other workers share with it. */
  readonly gathering: ParameterStore
  /** What adds gradients up there. */
  readonly adding: Runtime
  /** Absent where every worker updates everything. */
  readonly part?: Part
  readonly memory?: DeviceMemory
}

/** @throws {UserError} there is no room for what workers share */
export async function openStores(
  specs: readonly ParameterSpec[],
  runtime: Runtime,
  group: WorkerGroup,
): Promise<Stores> {
  const memory = await runtime.openMemory?.()
  return memory
    ? await onDevice(specs, memory, runtime, group)
    : { ...(await onHost(specs, group)), adding: runtime }
}

async function onHost(specs: readonly ParameterSpec[], group: WorkerGroup) {
  const lengths = slabLengths(specs)
  const gradients = await group.memory(lengths)
  const { common } = group
  if (!common) {
    const store = new ParameterStore(specs, { gradients })
    return { store, gathering: store }
  }
  const values = await common.memory(lengths)
  const store = new ParameterStore(specs, { gradients, values, allocate: common.memory })
  return { store, gathering: store, part: partOf(store, common, group) }
}

function partOf(store: ParameterStore, common: CommonMemory, { rank, size }: WorkerGroup): Part {
  const own = store.part(rank, size)
  return { common, own, stretches: store.stretches(own) }
}

/** Devices have no memory in common: gradients meet on the host, and their sum goes to all. */
async function onDevice(
  specs: readonly ParameterSpec[],
  memory: DeviceMemory,
  runtime: Runtime,
  group: WorkerGroup,
): Promise<Stores> {
  const gradients = await group.memory(slabLengths(specs, { memory }))
  const store = new ParameterStore(specs, { gradients, memory })
  if (group.size === 1) return { store, gathering: store, adding: runtime, memory }
  const gathering = new ParameterStore(specs, { gradients, apart: true })
  return { store, gathering, adding: runtime.host, memory }
}
