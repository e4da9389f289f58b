/**
 * In which precision a case is computed. Training is float32, and so are the cases that float32 can meet. The reference
 * recorded in float64, and some cases ask for more than a network's float32 keeps: those run the same graph in float64.
 * What a case asks for decides, never an expected value.
 */
import {
  type Attributes,
  add,
  ancestors,
  applyAll,
  arrayOf,
  cast,
  constant,
  div,
  input,
  mean,
  mul,
  type Node,
  softmax,
  sqrt,
  square,
  type Tensor,
} from '../graph/index.js'
import type { BuiltGraph } from '../models/index.js'
import { HostTensor, nativeRuntime, type Session, type Tensors } from '../runtime/index.js'
import { openSession } from '../training/index.js'
import type { RecordedCase } from './case.js'
import type { Precision, VerifyContext } from './kind.js'
import { readTrain } from './train.js'

/** Relative tolerance from which on float32 is enough: some hundred roundings. */
const float32Tolerance = 5e-5

/**
 * Adam divides a gradient by its own size plus ε: where ε is below the rounding of gradients, an element without
 * gradient moves by rounding alone, and as far as any other.
 */
const float32Epsilon = 1e-7

export function precisionOf(recorded: RecordedCase, { precision }: VerifyContext): Precision {
  if (precision) return precision
  const { tolerance } = recorded.json
  const { rtol } = tolerance.default ?? { rtol: 0 }
  const { steps, optimizer } = readTrain(recorded)
  const { epsilon = 1 } = optimizer.options
  const isFine = (rtol > 0 && rtol < float32Tolerance) || (steps > 0 && epsilon < float32Epsilon)
  return isFine ? 'float64' : 'float32'
}

/** What a case's graph is run with; tensors are float32 either way. */
export type CaseSession = Pick<Session, 'run' | 'close'>

export async function openCaseSession(
  built: BuiltGraph,
  recorded: RecordedCase,
  context: VerifyContext,
): Promise<CaseSession> {
  const { threads } = context
  const options = { runtime: nativeRuntime, ...(threads ? { threads } : {}) }
  if (precisionOf(recorded, context) === 'float32') return openSession(built, recorded.weights, options)
  const session = await nativeRuntime.createSession(inDouble(built), options)
  const frozen = [...built.graph.frozen].map(([name, { shape }]) => {
    const values = Float64Array.from(recorded.weights.readFloat32(name))
    return [name, new HostTensor('float64', shape as readonly number[], values)] as const
  })
  return new DoubleSession(session, Object.fromEntries(frozen))
}

/** Runs a float64 graph with float32 tensors. */
class DoubleSession implements CaseSession {
  readonly #session: Session
  readonly #frozen: Tensors

  constructor(session: Session, frozen: Tensors) {
    this.#session = session
    this.#frozen = frozen
  }

  async run(feeds: Tensors, fetches: Tensors = {}): Promise<Tensors> {
    const given = mapTensors(feeds, widened)
    try {
      const outputs = await this.#session.run({ ...this.#frozen, ...given })
      return mapTensors(outputs, (tensor, name) => narrowed(tensor, fetches[name]))
    } finally {
      for (const tensor of Object.values(given)) tensor.release()
    }
  }

  close(): void {
    this.#session.close()
    for (const tensor of Object.values(this.#frozen)) tensor.release()
  }
}

function mapTensors(tensors: Tensors, change: (tensor: HostTensor, name: string) => HostTensor): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]))
}

function widened({ dtype, shape, data }: HostTensor): HostTensor {
  if (dtype !== 'float32') return new HostTensor(dtype, shape, data)
  return new HostTensor('float64', shape, Float64Array.from(data as Float32Array))
}

/** Releases the float64 tensor. */
function narrowed(tensor: HostTensor, into: HostTensor | undefined): HostTensor {
  if (tensor.dtype !== 'float64') return tensor
  const { shape, data } = tensor
  const result = into ?? new HostTensor('float32', shape, new Float32Array(data.length))
  result.floats.set(data as Float64Array)
  tensor.release()
  return result
}

/** The same graph with float64 for float32; every parameter becomes an input. */
function inDouble({ graph }: BuiltGraph): BuiltGraph['graph'] {
  const made = new Map<Tensor, Tensor>()
  for (const tensor of ancestors([...graph.outputs.values()])) {
    if (made.has(tensor)) continue
    if (tensor.source.kind === 'node') {
      const outputs = nodeInDouble(tensor.source, made)
      for (const [i, output] of tensor.source.outputs.entries()) if (outputs[i]) made.set(output, outputs[i])
    } else made.set(tensor, leafInDouble(tensor))
  }
  const twin = (tensors: ReadonlyMap<string, Tensor>) =>
    new Map([...tensors].map(([name, tensor]) => [name, made.get(tensor)!]))
  return {
    outputs: twin(graph.outputs),
    inputs: new Map([...twin(graph.inputs), ...twin(graph.frozen)]),
    frozen: new Map(),
  }
}

function leafInDouble(tensor: Tensor): Tensor {
  const { source, dtype, shape } = tensor
  if (dtype !== 'float32' || source.kind === 'node') return tensor
  if (source.kind !== 'constant') return input(source.name, shape, 'float64')
  return constant(arrayOf('float64', Array.from(source.data, Number)), shape as readonly number[], 'float64')
}

function nodeInDouble({ operator, inputs, attributes }: Node, made: ReadonlyMap<Tensor, Tensor>) {
  const given = inputs.map((tensor) => made.get(tensor)!)
  const exception = islands[operator.name]
  if (exception) return exception(given, attributes)
  const wider = Object.entries(attributes).map(([name, value]) => [
    name,
    value === 'float32' ? 'float64' : value,
  ])
  return applyAll(operator, given, Object.fromEntries(wider) as Attributes)
}

/** What the reference computes in float32 whatever the model's precision: softmax, and the scale of T5's norm. */
const islands: Readonly<
  Record<string, (inputs: readonly Tensor[], attributes: Attributes) => readonly Tensor[]>
> = {
  softmax: ([x]) => [cast(softmax(cast(x!, 'float32')), 'float64')],
  rmsNorm([x, weight], { epsilon }) {
    const meanSquare = mean(square(cast(x!, 'float32')), [x!.shape.length - 1], { keepDims: true })
    const scale = cast(div(1, sqrt(add(meanSquare, Number(epsilon)))), 'float64')
    return [mul(mul(x!, scale), weight!), scale]
  },
}
