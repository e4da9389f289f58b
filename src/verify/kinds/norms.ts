import {
  type Dim,
  gradients,
  graphOf,
  input,
  layerNorm,
  mul,
  rmsNorm,
  sum,
  type Tensor,
} from '../../graph/index.js'
import { nativeRuntime } from '../../runtime/index.js'
import type { Checkpoint } from '../../weights/index.js'
import { feedsOf } from '../feeds.js'
import type { Kind, VerifyContext } from '../kind.js'
import { copyOf, rowOf, type Values } from '../values.js'

/** The norms of both architectures; epsilons are T5's and torch's. */
const norms = {
  rms: { parameters: ['weight'], of: (x, { weight }) => rmsNorm(x, weight!, 1e-6) },
  layer_norm: {
    parameters: ['weight', 'bias'],
    of: (x, { weight, bias }) => layerNorm(x, weight!, bias!, 1e-5),
  },
} as const satisfies Record<
  string,
  { parameters: readonly string[]; of: (x: Tensor, parameters: Record<string, Tensor>) => Tensor }
>

/**
 * `want/NORM` of `in/x`, and `grad/NORM.NAME` of Σ y · `in/probe` by x and the norm's parameters; `NAME.ROW` is one
 * row of either, for its own tolerance.
 */
export const normsAlone: Kind = {
  name: 'norms',
  async compute({ inputs, weights }, context) {
    const values = new Map<string, Values>()
    for (const name of Object.keys(norms) as (keyof typeof norms)[])
      for (const [key, computed] of await computeNorm(name, inputs, weights, context))
        values.set(key, computed)
    for (const [name, computed] of [...values]) {
      if (computed.shape.length < 2) continue
      for (let row = 0; row < computed.shape[0]!; row++) values.set(`${name}.${row}`, rowOf(computed, row))
    }
    return { values }
  },
}

async function computeNorm(
  name: keyof typeof norms,
  inputs: Checkpoint,
  weights: Checkpoint,
  { threads }: VerifyContext,
): Promise<[string, Values][]> {
  const { parameters, of } = norms[name]
  const shape = inputs.tensors.get('x')!.shape
  const leaf = (key: string, dims: readonly Dim[]) => [key, input(key, dims)] as const
  const tensors = Object.fromEntries([
    leaf('x', shape),
    ...parameters.map((key) => leaf(key, weights.tensors.get(key)!.shape)),
  ])
  const y = of(tensors.x!, tensors)
  const found = gradients(sum(mul(y, input('probe', shape))), Object.values(tensors))
  const outputs = Object.keys(tensors).map((key, i) => [`grad/${name}.${key}`, found[i]!] as const)
  const session = await nativeRuntime.createSession(
    graphOf({ [`want/${name}`]: y, ...Object.fromEntries(outputs) }),
    threads ? { threads } : {},
  )
  try {
    const computed = await session.run({ ...feedsOf(inputs), ...feedsOf(weights) })
    return Object.entries(computed).map(([key, tensor]) => [key, copyOf(tensor)])
  } finally {
    session.close()
  }
}
