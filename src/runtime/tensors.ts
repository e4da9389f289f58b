/** Tensors in memory that ONNX Runtime reads and writes in place. */
import type { DType } from '../graph/index.js'

export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint32Array | Uint8Array

export const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const

/**
 * A tensor of fixed shape over memory that stays where it is, be that a device's. A run may read it, or write it in
 * place; whoever made it releases it.
 */
export class RunTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly #onRelease: (() => void)[] = []
  #released = false

  constructor(dtype: DType, shape: readonly number[]) {
    this.dtype = dtype
    this.shape = shape
  }

  get released(): boolean {
    return this.#released
  }

  /** Called once when the tensor is released: how a runtime drops its handle. */
  onRelease(drop: () => void): void {
    this.#onRelease.push(drop)
  }

  /** Idempotent. Using the tensor afterwards is an error. */
  release(): void {
    this.#released = true
    for (const drop of this.#onRelease.splice(0)) drop()
  }
}

/**
 * A tensor whose values can be seen here. The memory itself lives as long as any array over it, so an array that was
 * kept is never dangling.
 */
export class HostTensor extends RunTensor {
  readonly #data: TensorData

  /** @throws {Error} data whose type or length does not fit */
  constructor(dtype: DType, shape: readonly number[], data: TensorData) {
    super(dtype, shape)
    const count = shape.reduce((product, size) => product * size, 1)
    if (!(data instanceof arrayTypes[dtype]) || data.length !== count) {
      throw new Error(`${data.constructor.name} of ${data.length} for ${dtype} (${shape.join(', ')})`)
    }
    this.#data = data
  }

  /** @throws {Error} after release */
  get data(): TensorData {
    if (this.released) throw new Error('this tensor was released')
    return this.#data
  }

  /** The values as float32. @throws {Error} another dtype */
  get floats(): Float32Array {
    if (!(this.data instanceof Float32Array)) throw new Error(`a ${this.dtype} tensor, not float32`)
    return this.data
  }
}

/** A tensor of zeros. */
export function zeros(dtype: DType, shape: readonly number[]): HostTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const bytes = new ArrayBuffer(count * arrayTypes[dtype].BYTES_PER_ELEMENT)
  return new HostTensor(dtype, shape, new arrayTypes[dtype](bytes))
}

export function float32(shape: readonly number[], values: Float32Array | readonly number[]): HostTensor {
  return new HostTensor('float32', shape, values instanceof Float32Array ? values : Float32Array.from(values))
}

export function int64(shape: readonly number[], values: BigInt64Array): HostTensor {
  return new HostTensor('int64', shape, values)
}
