/** Runs single operators on their samples. */
import { Random } from '../../src/base/index.js'
import {
  add,
  cast,
  type DType,
  graphOf,
  input,
  mul,
  type Operator,
  type Sample,
  sum,
  type Tensor,
} from '../../src/graph/index.js'
import { applyAll, arrayOf, isFloat } from '../../src/graph/tensor.js'
import { HostTensor, nativeRuntime, type Tensors } from '../../src/runtime/index.js'

/** Runs a graph once and closes the session. */
export async function evaluate(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Tensors = {},
): Promise<Tensors> {
  const session = await nativeRuntime.createSession(graphOf(outputs), { threads: 2 })
  try {
    return await session.run(feeds)
  } finally {
    session.close()
  }
}

export const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Random normal numbers. */
export function normalTensor(random: Random, shape: readonly number[], dtype: DType): HostTensor {
  const values = Array.from({ length: countOf(shape) }, () => random.normal())
  return new HostTensor(dtype, shape, arrayOf(dtype, values))
}

/** The values of a tensor as numbers. */
export const numbersOf = ({ data }: HostTensor): number[] => Array.from(data, Number)

/** An operator applied to a sample's inputs, which are named `x0`, `x1` … */
interface Application {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly feeds: Readonly<Record<string, HostTensor>>
}

export function applySample(operator: Operator, sample: Sample, dtype: DType, seed: number): Application {
  const random = new Random(seed)
  const tensors = sample.inputs.map((given) => {
    if (!('shape' in given)) return normalTensor(random, given, dtype)
    if ('ints' in given) {
      const type = given.dtype ?? 'int64'
      return new HostTensor(type, given.shape, arrayOf(type, given.ints))
    }
    const [low, high] = given.range
    const values = Array.from({ length: countOf(given.shape) }, () => low + random.uniform() * (high - low))
    return new HostTensor(dtype, given.shape, arrayOf(dtype, values))
  })
  const inputs = tensors.map((tensor, i) => input(`x${i}`, tensor.shape, tensor.dtype))
  const outputs = applyAll(operator, inputs, sample.attributes)
  return { inputs, outputs, feeds: Object.fromEntries(tensors.map((tensor, i) => [`x${i}`, tensor])) }
}

/**
 * Σ probe · tensor over all of `tensors`, in float64, with a random probe for each: a scalar that depends on every
 * element in a way of its own. The probes become feeds.
 */
export function probe(tensors: readonly Tensor[], seed: number, feeds: Record<string, HostTensor>): Tensor {
  const random = new Random(seed, 1)
  const terms = tensors.map((tensor, i) => {
    const name = `probe${seed}.${i}`
    feeds[name] = normalTensor(random, tensor.shape as readonly number[], tensor.dtype)
    return cast(sum(mul(tensor, input(name, tensor.shape, tensor.dtype))), 'float64')
  })
  return terms.reduce((a, b) => add(a, b))
}

export const floatsOf = (tensors: readonly Tensor[]): Tensor[] =>
  tensors.filter(({ dtype }) => isFloat(dtype))
