import { type Dim, productDims, type Shape } from '../dims.js'
import { type Attributes, apply, type Emitter, type Node, type Operator, type Tensor } from '../tensor.js'
import { sameDType } from './broadcast.js'
import { reshape } from './reshape.js'
import { transpose } from './transpose.js'

interface Options {
  /** Use aᵀ (its last two axes exchanged). */
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  /** Factor of the product. */
  readonly alpha?: number
}

function options(attributes: Attributes): Required<Options> {
  return { transposeA: false, transposeB: false, alpha: 1, ...attributes }
}

/** Rows and columns of the last two axes, exchanged where asked. */
function matrix(shape: Shape, transposed: boolean): readonly [Dim, Dim] {
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!]
  return transposed ? [columns, rows] : [rows, columns]
}

/**
 * y = alpha · a b over the last two axes. `b` is one matrix for all of `a`'s leading axes (a weight) or has the
 * same leading axes.
 *
 * ONNX Runtime's `FusedMatMul` reads weights as stored, `[out, in]`: nothing is there to fold or copy. It exists
 * for float32 only.
 */
export const matMulOperator: Operator = {
  name: 'matMul',
  infer([a, b], attributes) {
    const { transposeA, transposeB } = options(attributes)
    if (Math.min(a!.shape.length, b!.shape.length) < 2) throw new Error('a product needs matrices')
    const [m, k] = matrix(a!.shape, transposeA)
    const [k2, n] = matrix(b!.shape, transposeB)
    if (k !== k2) throw new Error(`inner sizes ${k} and ${k2} differ`)
    const leading = a!.shape.slice(0, -2)
    if (b!.shape.length !== 2 && String(b!.shape.slice(0, -2)) !== String(leading))
      throw new Error('leading sizes differ')
    if (transposeA && a!.shape.length !== b!.shape.length)
      throw new Error('aᵀ with leading axes needs a b that has them too')
    return { dtype: sameDType([a!, b!]), shape: [...leading, m, n] }
  },
  gradient({ inputs: [a, b], upstream: [dy], attributes }) {
    const { transposeA: tA, transposeB: tB, alpha } = options(attributes)
    const da = tA
      ? matMul(b!, dy!, { transposeA: tB, transposeB: true, alpha })
      : matMul(dy!, b!, { transposeB: !tB, alpha })
    if (b!.shape.length === a!.shape.length) {
      const db = tB
        ? matMul(dy!, a!, { transposeA: true, transposeB: tA, alpha })
        : matMul(a!, dy!, { transposeA: !tA, alpha })
      return [da, db]
    }
    const [x, g] = [rowsOf(a!), rowsOf(dy!)]
    const db = tB ? matMul(g, x, { transposeA: true, alpha }) : matMul(x, g, { transposeA: true, alpha })
    return [da, db]
  },
  lower({ inputs: [a, b], node, emit }) {
    const { transposeA, transposeB, alpha } = options(node.attributes)
    const plain = !transposeA && !transposeB && alpha === 1
    if (plain) return emit.node('MatMul', [a!, b!])
    if (emit.target === 'onnxruntime' && node.inputs[0]!.dtype === 'float32') {
      const attributes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0, alpha: { float: alpha } }
      return emit.node('FusedMatMul', [a!, b!], { attributes, domain: 'com.microsoft' })
    }
    if (
      emit.target === 'webgpu' &&
      node.inputs[1]!.shape.length === 2 &&
      isGemm(node.inputs[0]!.shape, transposeA)
    )
      return lowerGemm([a!, b!], node, emit)
    const [ta, tb] = [transposeA, transposeB].map((transposed, i) => {
      const rank = node.inputs[i]!.shape.length
      const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2]
      return transposed ? emit.node('Transpose', [[a!, b!][i]!], { attributes: { perm } })[0]! : [a!, b!][i]!
    })
    const product = emit.node('MatMul', [ta!, tb!])
    return alpha === 1 ? product : emit.node('Mul', [product[0]!, emit.scalar(alpha, node.outputs[0]!.dtype)])
  },
  samples: [
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
    },
    {
      inputs: [
        [2, 5, 3],
        [4, 3],
      ],
      attributes: { transposeB: true, alpha: 0.5 },
    },
    {
      inputs: [
        [2, 5, 3],
        [3, 4],
      ],
      attributes: { alpha: 2 },
    },
    {
      inputs: [
        [2, 2, 5, 3],
        [2, 2, 4, 3],
      ],
      attributes: { transposeB: true },
    },
    {
      inputs: [
        [2, 3, 5],
        [2, 3, 4],
      ],
      attributes: { transposeA: true },
    },
    {
      inputs: [
        [2, 3, 5],
        [2, 4, 3],
      ],
      attributes: { transposeA: true, transposeB: true },
    },
  ],
}

/** Whether the rows of `a` can be made one matrix with a weight. */
function isGemm(a: Shape, transposed: boolean): boolean {
  return a.length === 2 || (!transposed && typeof a.at(-1) === 'number')
}

/** A product with a weight as it is stored, where there is no `FusedMatMul`: the leading axes become one. */
function lowerGemm([a, b]: readonly [string, string], { inputs, outputs, attributes }: Node, emit: Emitter) {
  const { transposeA, transposeB, alpha } = options(attributes)
  const { shape } = inputs[0]!
  const flat = shape.length === 2
  const rows = flat ? a : emit.node('Reshape', [a, emit.ints([-1, shape.at(-1) as number])])[0]!
  const product = emit.node('Gemm', [rows, b], {
    attributes: { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0, alpha: { float: alpha } },
  })
  return flat ? product : emit.node('Reshape', [product[0]!, emit.sizes(outputs[0]!.shape)])
}

/** All leading axes made one: what a weight meets row by row. */
function rowsOf(x: Tensor): Tensor {
  return reshape(x, [productDims(...x.shape.slice(0, -1)), x.shape.at(-1)!])
}

/** @throws {Error} inner or leading sizes that differ */
export function matMul(a: Tensor, b: Tensor, given: Options = {}): Tensor {
  const { transposeA, transposeB, alpha } = { transposeA: false, transposeB: false, alpha: 1, ...given }
  if (transposeA && a.shape.length > 2 && b.shape.length === 2) {
    const swapped = [...a.shape.keys()].slice(0, -2)
    return matMul(transpose(a, [...swapped, a.shape.length - 1, a.shape.length - 2]), b, {
      transposeB,
      alpha,
    })
  }
  return apply(matMulOperator, [a, b], { transposeA, transposeB, alpha })
}
