/** ONNX Runtime's values over tensors. */
import type { DType } from '../graph/index.js'
import { type Api, capi, made, type Pointer } from './capi.js'
import { mapFile } from './memory.js'
import type { FrozenWeight } from './session.js'
import { arrayTypes, HostTensor, RunTensor } from './tensors.js'

const onnxTypes: Record<DType, number> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11, uint32: 12 }

interface Place {
  readonly memoryInfo: Pointer
  /** An array or an address there. */
  readonly data: unknown
  readonly bytes: number
}

function valueOver(api: Api, { memoryInfo, data, bytes }: Place, dtype: DType, shape: readonly number[]) {
  const dims = BigInt64Array.from(shape, BigInt)
  return made(
    api.CreateTensorWithDataAsOrtValue,
    ...[memoryInfo, data, bytes, dims, shape.length, onnxTypes[dtype]],
  )
}

/** A value over the file's own pages. */
export function mappedValue(
  api: Api,
  { path, begin, bytes }: FrozenWeight,
  shape: readonly number[],
): Pointer {
  const file = mapFile(path)
  if (!file) throw new Error('frozen weights can’t be mapped on this platform')
  if (begin + bytes > file.bytes) throw new Error(`${path} changed while it was in use`)
  const data = file.address + BigInt(begin)
  return valueOver(api, { memoryInfo: api.cpu, data, bytes }, 'float32', shape)
}

/** Memory of a device, as its allocator gave it. */
export interface DeviceBlock {
  readonly value: Pointer
  readonly address: Pointer
}

export function allocateBlock(api: Api, allocator: Pointer, length: number): DeviceBlock {
  const dims = BigInt64Array.of(BigInt(length))
  const value = made(api.CreateTensorAsOrtValue, allocator, dims, 1, onnxTypes.float32)
  return { value, address: made(api.GetTensorMutableData, value) }
}

/** A float32 tensor over the beginning of a block, which has to outlive it. */
export function tensorOver(
  api: Api,
  memoryInfo: Pointer,
  { address }: DeviceBlock,
  shape: readonly number[],
): RunTensor {
  const tensor = new RunTensor('float32', shape)
  const bytes = shape.reduce((product, size) => product * size, 4)
  return keep(api, tensor, valueOver(api, { memoryInfo, data: address, bytes }, 'float32', shape))
}

const values = new WeakMap<RunTensor, Pointer>()
/** A safety net for tensors that nobody released: their handle goes with them. */
const forgotten = new FinalizationRegistry<Pointer>((handle) => capi().ReleaseValue(handle))

/** The tensor's handle, made at first use. @throws {Error} a released tensor */
export function handleOf(api: Api, tensor: RunTensor): Pointer {
  const known = values.get(tensor)
  if (known) return known
  if (!(tensor instanceof HostTensor)) throw new Error('this tensor lies in no runtime’s memory')
  const { data, dtype, shape } = tensor
  const bytes = data.length * arrayTypes[dtype].BYTES_PER_ELEMENT
  keep(api, tensor, valueOver(api, { memoryInfo: api.cpu, data, bytes }, dtype, shape))
  return values.get(tensor)
}

function keep(api: Api, tensor: RunTensor, handle: Pointer): RunTensor {
  values.set(tensor, handle)
  forgotten.register(tensor, handle, tensor)
  tensor.onRelease(() => {
    forgotten.unregister(tensor)
    values.delete(tensor)
    api.ReleaseValue(handle)
  })
  return tensor
}
