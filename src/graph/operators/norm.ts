/** Normalisation over the last axis, whose size must be a number. */
import type { Shape } from '../dims.js'
import {
  type Attributes,
  apply,
  type LowerContext,
  type Operator,
  type Target,
  type Tensor,
  type TensorType,
} from '../tensor.js'
import { add, mul, sub } from './arithmetic.js'
import { unbroadcast } from './broadcast.js'
import { mean } from './reduce.js'

const meanOverLast = (x: Tensor): Tensor => mean(x, [x.shape.length - 1], { keepDims: true })
const perRow = (x: TensorType): Shape => [...x.shape.slice(0, -1), 1]

function checkWidth(x: TensorType, vectors: readonly TensorType[]): void {
  const width = x.shape.at(-1)
  if (vectors.some(({ shape }) => shape.length !== 1 || shape[0] !== width))
    throw new Error(`weights of ${width} are needed`)
}

function normAttributes({ epsilon }: Attributes) {
  return { axis: -1, epsilon: { float: epsilon as number }, stash_type: 1 }
}

/** Adds the second gradient to the first where there is one. */
const plus = (a: Tensor, b: Tensor | undefined): Tensor => (b === undefined ? a : add(a, b))

/**
 * y = w · x · s with s = 1 / √(mean(x²) + ε); outputs y and s (Zhang and Sennrich 2019, as T5 has it: no centring,
 * no bias). The backward pass makes x · s anew, so it is never stored.
 */
export const rmsNormOperator: Operator = {
  name: 'rmsNorm',
  infer([x, weight]) {
    checkWidth(x!, [weight!])
    return [x!, { dtype: x!.dtype, shape: perRow(x!) }]
  },
  gradient({ inputs: [x, weight], outputs: [, scale], upstream: [dy, ds] }) {
    const normal = mul(x!, scale!)
    const width = x!.shape.at(-1) as number
    const fromScale = ds && mul(mul(mul(mul(ds, scale!), mul(scale!, scale!)), x!), -1 / width)
    if (dy === undefined) return [fromScale, undefined]
    const weighted = mul(dy, weight!)
    const dx = mul(scale!, sub(weighted, mul(normal, meanOverLast(mul(weighted, normal)))))
    return [plus(dx, fromScale), unbroadcast(mul(dy, normal), weight!)]
  },
  lower: lowerRmsNorm,
  samples: [{ inputs: [[2, 3, 8], [8]], attributes: { epsilon: 1e-6 } }],
}

/** The whole norm in one node, by target; ONNX Runtime's is in its default domain, 3 times as fast as plain nodes. */
const rmsNormNodes = {
  onnxruntime: { type: 'SimplifiedLayerNormalization', hasScale: true },
  // Its second output is the mean there (onnxruntime 1.30).
  webgpu: { type: 'SimplifiedLayerNormalization', hasScale: false },
  standard: { type: 'RMSNormalization', hasScale: false },
} as const satisfies Record<Target, { type: string; hasScale: boolean }>

/**
 * `SimplifiedLayerNormalization` and `LayerNormalization` keep s in float32 whatever x is, so float64 gets plain nodes.
 */
function lowerRmsNorm(context: LowerContext): readonly string[] {
  const { inputs, node, emit } = context
  const [y, scale] = node.outputs
  const attributes = normAttributes(node.attributes)
  if (y!.dtype === 'float64') {
    const s = plainScale(context, inputs[0]!)
    const [normal] = emit.node('Mul', [inputs[0]!, s])
    return [...emit.node('Mul', [normal!, inputs[1]!]), s]
  }
  const withScale = emit.isUsed(scale!)
  const { type, hasScale } = rmsNormNodes[emit.target]
  const outputs = emit.node(type, inputs, { attributes, outputs: withScale && hasScale ? 2 : 1 })
  return withScale && !hasScale ? [...outputs, plainScale(context, inputs[0]!)] : outputs
}

/** 1 / √(mean(x²) + ε) by plain nodes. */
function plainScale({ node, emit }: LowerContext, x: string): string {
  const [squared] = emit.node('Mul', [x, x])
  const [meanSquare] = emit.node('ReduceMean', [squared!, emit.ints([-1])], { attributes: { keepdims: 1 } })
  const epsilon = emit.scalar(node.attributes.epsilon as number, node.outputs[0]!.dtype)
  const [root] = emit.node('Sqrt', emit.node('Add', [meanSquare!, epsilon]))
  return emit.node('Reciprocal', [root!])[0]!
}

function lowerLayerNorm(context: LowerContext): readonly string[] {
  const { inputs, node, emit } = context
  const [x, weight, bias] = inputs
  if (node.outputs[0]!.dtype === 'float64') {
    const [middle] = emit.node('ReduceMean', [x!, emit.ints([-1])], { attributes: { keepdims: 1 } })
    const [centred] = emit.node('Sub', [x!, middle!])
    const s = plainScale(context, centred!)
    const [normal] = emit.node('Mul', [centred!, s])
    const [weighted] = emit.node('Mul', [normal!, weight!])
    return [...emit.node('Add', [weighted!, bias!]), middle!, s]
  }
  const outputs = node.outputs.slice(1).some((row) => emit.isUsed(row)) ? 3 : 1
  return emit.node('LayerNormalization', inputs, { attributes: normAttributes(node.attributes), outputs })
}

/** y = w · (x − m) · s + b with m the mean and s = 1 / √(variance + ε); outputs y, m, s (Ba et al. 2016). */
export const layerNormOperator: Operator = {
  name: 'layerNorm',
  infer([x, weight, bias]) {
    checkWidth(x!, [weight!, bias!])
    const row = { dtype: x!.dtype, shape: perRow(x!) }
    return [x!, row, row]
  },
  gradient({ inputs: [x, weight, bias], outputs: [, middle, scale], upstream: [dy, dm, ds] }) {
    const width = x!.shape.at(-1) as number
    const normal = mul(sub(x!, middle!), scale!)
    const fromMiddle = dm && mul(dm, 1 / width)
    const fromScale = ds && mul(mul(mul(ds, mul(scale!, scale!)), normal), -1 / width)
    const fromRow = fromMiddle && fromScale ? add(fromScale, fromMiddle) : (fromScale ?? fromMiddle)
    if (dy === undefined) return [fromRow, undefined, undefined]
    const weighted = mul(dy, weight!)
    const centred = sub(weighted, meanOverLast(weighted))
    const dx = mul(scale!, sub(centred, mul(normal, meanOverLast(mul(weighted, normal)))))
    return [plus(dx, fromRow), unbroadcast(mul(dy, normal), weight!), unbroadcast(dy, bias!)]
  },
  lower: lowerLayerNorm,
  samples: [{ inputs: [[2, 3, 8], [8], [8]], attributes: { epsilon: 1e-5 } }],
}

/** T5's norm over the last axis. */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return apply(rmsNormOperator, [x, weight], { epsilon })
}

/** BART's and CLIP's norm over the last axis. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return apply(layerNormOperator, [x, weight, bias], { epsilon })
}
