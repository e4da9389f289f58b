export { checkGraph } from './check.js'
export { bindDims, type Dim, evaluateDim, printShape, productDims, type Shape, sumDims } from './dims.js'
export { ancestors, gradients } from './gradient.js'
export { type Graph, graphOf, type Placement } from './graph.js'
export { lower } from './lower.js'
export * from './operators/index.js'
export { peakBytes, tensorBytes } from './peak.js'
export { printGraph } from './print.js'
export { type SplitGraph, splitWords } from './split.js'
export {
  type Attributes,
  applyAll,
  arrayOf,
  atSite,
  type ConstantData,
  constant,
  type DType,
  input,
  type Node,
  type Operator,
  parameter,
  type Sample,
  scalar,
  type Target,
  type Tensor,
  type TensorType,
} from './tensor.js'
