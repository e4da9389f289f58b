/** Memory of a device, as ONNX Runtime hands it out to sessions there. */
import { type Graph, graphOf, input, reshape } from '../graph/index.js'
import { type Api, capi, made, type Pointer } from './capi.js'
import type { Device } from './devices.js'
import type { NativeSession } from './native.js'
import { providers } from './providers.js'
import type { DeviceMemory, DeviceRoom } from './session.js'
import { HostTensor, type RunTensor } from './tensors.js'
import { allocateBlock, type DeviceBlock, tensorOver } from './values.js'

/** ONNX Runtime's own numbers: memory as the device has it, of no special kind. */
const [deviceAllocator, defaultKind] = [0, 0] as const

/** @param openSession of the device */
export async function openDeviceMemory(
  { kind, index }: Device,
  openSession: (graph: Graph) => Promise<NativeSession>,
): Promise<DeviceMemory> {
  const session = await openSession(copyGraph())
  const api = capi()
  const { memory } = providers[kind]
  const memoryInfo = made(api.CreateMemoryInfo, memory, deviceAllocator, index, defaultKind)
  const allocator = session.allocatorOf(memoryInfo)
  let open = true
  return {
    room: (length) => new Room(api, session, { memoryInfo, allocator }, length),
    close() {
      if (!open) return
      open = false
      api.ReleaseAllocator(allocator)
      api.ReleaseMemoryInfo(memoryInfo)
      session.close()
    },
  }
}

/** A new shape for the same bits: whichever of the two lies on the host crosses. */
function copyGraph(): Graph {
  return graphOf({ copy: reshape(input('values', ['count']), ['count', 1]) })
}

interface Source {
  readonly memoryInfo: Pointer
  readonly allocator: Pointer
}

class Room implements DeviceRoom {
  readonly #api: Api
  readonly #session: NativeSession
  readonly #memoryInfo: Pointer
  readonly #length: number
  readonly #block: DeviceBlock
  readonly #tensors = new Map<string, RunTensor>()
  #released = false

  constructor(api: Api, session: NativeSession, { memoryInfo, allocator }: Source, length: number) {
    this.#api = api
    this.#session = session
    this.#memoryInfo = memoryInfo
    this.#length = length
    this.#block = allocateBlock(api, allocator, length)
  }

  tensor(shape: readonly number[]): RunTensor {
    const key = String(shape)
    const known = this.#tensors.get(key)
    if (known) return known
    const tensor = tensorOver(this.#api, this.#memoryInfo, this.#block, shape)
    this.#tensors.set(key, tensor)
    return tensor
  }

  async write(values: Float32Array): Promise<void> {
    const from = new HostTensor('float32', [this.#length], values)
    await this.#receive(from)
    from.release()
  }

  async read(values: Float32Array): Promise<void> {
    const copy = new HostTensor('float32', [this.#length, 1], values)
    await this.#session.run({ values: this.tensor([this.#length]) }, { copy })
    copy.release()
  }

  async copy(from: DeviceRoom): Promise<void> {
    await this.#receive(from.tensor([this.#length]))
  }

  async #receive(values: RunTensor): Promise<void> {
    await this.#session.run({ values }, { copy: this.tensor([this.#length, 1]) })
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    for (const tensor of this.#tensors.values()) tensor.release()
    this.#api.ReleaseValue(this.#block.value)
  }
}
