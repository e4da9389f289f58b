/** Runs single operators, and holds their gradients against central differences. */
import { Random } from '../../src/base/index.js'
import {
  type DType,
  gradients,
  graphOf,
  input,
  mul,
  type Operator,
  type Sample,
  sum,
  type Tensor,
} from '../../src/graph/index.js'
import { apply } from '../../src/graph/tensor.js'
import { HostTensor, nativeRuntime, type Runtime, type Tensors } from '../../src/runtime/index.js'

/** Runs a graph once and closes the session. */
export async function evaluate(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Tensors,
  runtime: Runtime = nativeRuntime,
): Promise<Tensors> {
  const session = await runtime.createSession(graphOf(outputs), { threads: 2 })
  try {
    return await session.run(feeds)
  } finally {
    session.close()
  }
}

/** Random normal numbers (or those of a range, or given integers) for each input of a sample. */
export function sampleTensors(operator: Operator, sample: Sample, dtype: DType, seed: number) {
  const random = new Random(seed)
  return sample.inputs.map((given) => {
    const shape = 'shape' in given ? given.shape : given
    const count = shape.reduce((product, size) => product * size, 1)
    if ('ints' in given) {
      return operator.name === 'where'
        ? new HostTensor('bool', shape, Uint8Array.from(given.ints))
        : new HostTensor('int64', shape, BigInt64Array.from(given.ints, BigInt))
    }
    const draw =
      'range' in given
        ? () => given.range[0] + random.uniform() * (given.range[1] - given.range[0])
        : () => random.normal()
    const values = Array.from({ length: count }, draw)
    return new HostTensor(
      dtype,
      shape,
      dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values),
    )
  })
}

/**
 * The largest difference between the gradient rule and central differences of Σ probe · y in float64, relative to
 * the largest gradient of that input.
 */
export async function compareGradient(
  operator: Operator,
  sample: Sample,
  options: { step: number; seed: number },
) {
  const tensors = sampleTensors(operator, sample, 'float64', options.seed)
  const inputs = tensors.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype))
  const y = apply(operator, inputs, sample.attributes)
  const probe = input('probe', y.shape, y.dtype)
  const loss = sum(mul(y, probe))
  const random = new Random(options.seed, 1)
  const shape = y.shape as readonly number[]
  const probes = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal())
  const feeds: Record<string, HostTensor> = {
    probe: new HostTensor(
      y.dtype,
      shape,
      y.dtype === 'float64' ? Float64Array.from(probes) : Float32Array.from(probes),
    ),
  }
  tensors.forEach((tensor, i) => {
    feeds[`x${i}`] = tensor
  })
  const floats = inputs.filter(({ dtype }) => dtype === 'float64')
  const computed = gradients(loss, floats)
  const graph = graphOf({
    loss,
    ...Object.fromEntries(computed.flatMap((g, i) => (g ? [[`g${i}`, g]] : []))),
  })
  const session = await nativeRuntime.createSession(graph, { threads: 1 })
  let worst = 0
  try {
    const got = await session.run(feeds)
    for (const [i, tensor] of floats.entries()) {
      const values = feeds[nameOf(tensor)]!.data as Float64Array
      const gradient = got[`g${i}`]!.data as Float64Array
      const scale = Math.max(1e-3, ...gradient.map(Math.abs))
      for (let k = 0; k < values.length; k++) {
        const x = values[k]!
        const at = async (value: number) => {
          values[k] = value
          const [result] = (await session.run(feeds)).loss!.data as Float64Array
          return result!
        }
        const difference = ((await at(x + options.step)) - (await at(x - options.step))) / (2 * options.step)
        values[k] = x
        worst = Math.max(worst, Math.abs(difference - gradient[k]!) / scale)
      }
    }
  } finally {
    session.close()
  }
  return { relativeError: worst, checked: computed.filter((g) => g !== undefined).length }
}

function nameOf({ source }: Tensor): string {
  if (source.kind !== 'input') throw new Error('not an input')
  return source.name
}
