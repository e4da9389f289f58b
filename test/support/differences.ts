import { gradients, graphOf, type Tensor } from '../../src/graph/index.js'
import { type HostTensor, nativeRuntime, type Session } from '../../src/runtime/index.js'

/**
 * The largest difference between the gradients of `loss` (float64) and central differences, relative to the largest
 * gradient of that input. A gradient that is `undefined` counts as zeros.
 *
 * @param inputs inputs of the graph; those of other dtypes than float64 are left out
 */
export async function compareWithDifferences(
  loss: Tensor,
  inputs: readonly Tensor[],
  feeds: Readonly<Record<string, HostTensor>>,
  step = 1e-5,
): Promise<{ relativeError: number; checked: number }> {
  const wanted = inputs.filter(({ dtype }) => dtype === 'float64')
  const computed = gradients(loss, wanted)
  const found = computed.flatMap((gradient, i) => (gradient ? [[`d ${nameOf(wanted[i]!)}`, gradient]] : []))
  const session = await nativeRuntime.createSession(graphOf({ loss, ...Object.fromEntries(found) }), {
    threads: 1,
  })
  try {
    const got = await session.run(feeds)
    let relativeError = 0
    for (const tensor of wanted) {
      const values = feeds[nameOf(tensor)]!.data as Float64Array
      const gradient = (got[`d ${nameOf(tensor)}`]?.data ?? new Float64Array(values.length)) as Float64Array
      const expected = await differences(session, feeds, values, step)
      const scale = Math.max(1e-3, ...gradient.map(Math.abs))
      expected.forEach((value, i) => {
        relativeError = Math.max(relativeError, Math.abs(value - gradient[i]!) / scale)
      })
    }
    return { relativeError, checked: found.length }
  } finally {
    session.close()
  }
}

/** (loss(x + step) − loss(x − step)) / 2 step for each element x of `values`, which are part of the feeds. */
async function differences(
  session: Session,
  feeds: Readonly<Record<string, HostTensor>>,
  values: Float64Array,
  step: number,
): Promise<Float64Array> {
  const result = new Float64Array(values.length)
  for (const [i, x] of values.entries()) {
    const at = async (value: number) => {
      values[i] = value
      return Number((await session.run(feeds)).loss!.data[0])
    }
    result[i] = ((await at(x + step)) - (await at(x - step))) / (2 * step)
    values[i] = x
  }
  return result
}

function nameOf({ source }: Tensor): string {
  if (source.kind !== 'input') throw new Error('not an input')
  return source.name
}
