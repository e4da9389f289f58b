/** Most memory that a process takes while it trains, part by part. */
import { ancestors, type Graph, peakBytes, type Tensor, tensorBytes } from '../../graph/index.js'
import type { TrainConfig } from '../config.js'
import { gradientGraph, type ModelSpec } from '../graphs.js'
import { optimizers } from '../optimizers/index.js'
import { elements } from '../parameters.js'

/** Sizes of what goes through the graph at once. */
export interface BatchSizes {
  readonly samples: number
  /** Tokens of the longest text and of the longest answer. */
  readonly text: number
  readonly target: number
  /** Rows of a sample's pictures. */
  readonly positions: number
}

/** Bytes. */
export interface MemoryParts {
  /** Weights that don't train: pages of the mapped file, which all processes share. */
  readonly frozen: number
  readonly trained: number
  readonly gradients: number
  readonly moments: number
  /** What lies between inputs and outputs of the graph, at its most, and the batch. */
  readonly activations: number
  /** Node, ONNX Runtime and the graph. */
  readonly program: number
  /** Pages of programs and libraries on disk. */
  readonly libraries: number
  /** The peak without pages that a file backs, and with them. */
  readonly private: number
  readonly resident: number
}

/** Node, ONNX Runtime and their buffers, and what each tensor of a graph adds: measured, see docs/estimate.md. */
const processBytes = 110e6
const tensorBytesOfGraph = 4e3
const libraryBytes = 74e6
const float32Bytes = 4

export function stepMemory(
  spec: ModelSpec,
  batch: BatchSizes,
  { optimizer, accumulate }: Pick<TrainConfig, 'optimizer' | 'accumulate'>,
): MemoryParts {
  const { graph, parameters } = gradientGraph(spec)
  const sizes = sizesOf(batch)
  const shapes = parameters.filter(({ trained }) => trained).map(({ shape }) => shape)
  const trained = float32Bytes * sum(shapes.map(elements))
  const gradients = trained * (accumulate > 1 ? 2 : 1)
  const moments = float32Bytes * sum(shapes.map((shape) => optimizers.get(optimizer).stateElements(shape)))
  const inputs = [...graph.inputs.values()].filter(({ source }) => source.kind === 'input')
  const activations = peakBytes(graph, sizes) + sum(inputs.map((input) => tensorBytes(input, sizes)))
  const program = processBytes + tensorBytesOfGraph * ancestors([...graph.outputs.values()]).length
  const frozen = frozenBytes(graph, sizes)
  const own = trained + gradients + moments + activations + program
  return {
    ...{ frozen, trained, gradients, moments, activations, program, libraries: libraryBytes },
    ...{ private: own, resident: own + frozen + libraryBytes },
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

function sizesOf({ samples, text, target, positions }: BatchSizes): ReadonlyMap<string, number> {
  return new Map(Object.entries({ batch: samples, text, target, positions }))
}

/** Of a table of which rows are looked up alone, so many pages are read as there are rows. */
function frozenBytes({ frozen, outputs }: Graph, sizes: ReadonlyMap<string, number>): number {
  const readers = new Map<Tensor, Tensor[]>()
  for (const tensor of ancestors([...outputs.values()])) {
    if (tensor.source.kind !== 'node') continue
    for (const input of tensor.source.inputs) readers.set(input, [...(readers.get(input) ?? []), tensor])
  }
  return sum(
    [...frozen.values()].map((weight) => {
      const rows = readers.get(weight)!
      const looked = rows.every(({ source }) => source.kind === 'node' && source.operator.name === 'gather')
      const whole = tensorBytes(weight, sizes)
      return looked ? Math.min(whole, sum(rows.map((row) => tensorBytes(row, sizes)))) : whole
    }),
  )
}
