/** One small graph over many spans of memory. */
import { type Graph, graphOf, input, type Tensor } from '../../graph/index.js'
import type { RunTensors, Session } from '../../runtime/index.js'
import type { Span } from '../slabs.js'
import { createLanes } from './lanes.js'
import type { OptimizerContext } from './optimizer.js'

type Named = (name: string) => Tensor

/**
 * What is computed of a span.
 *
 * @param chunk an input over the span, [its length]
 * @param number an input that is the same for all spans, []
 * @returns outputs by name; each input is read before the output over the same memory is written
 */
export type SpanGraph = (chunk: Named, number: Named) => Readonly<Record<string, Tensor>>

export interface Sweep {
  /**
   * @param tensorsOf a span's inputs and outputs
   * @param numbers the inputs that are the same for all
   */
  over(
    spans: readonly Span[],
    tensorsOf: (span: Span) => { readonly feeds: RunTensors; readonly fetches: RunTensors },
    numbers?: RunTensors,
  ): Promise<void>
  /** Idempotent. */
  close(): void
}

/** On the processor a run a span, several at once; on a device, where a run costs more than what it computes, one for all. */
export async function createSweep(build: SpanGraph, context: OptimizerContext): Promise<Sweep> {
  if (context.runtime.openMemory) return new WideSweep(build, context)
  const lanes = await createLanes(spanGraph(build), context)
  return {
    over: (spans, tensorsOf, numbers) =>
      lanes.each(spans, (session, span) => {
        const { feeds, fetches } = tensorsOf(span)
        return session.run({ ...feeds, ...numbers }, fetches)
      }),
    close: () => lanes.close(),
  }
}

const number: Named = (name) => input(name, [])

/** The graph for a span of any length. */
export function spanGraph(build: SpanGraph): Graph {
  return graphOf(build((name) => input(name, ['chunk']), number))
}

/** A graph with as many copies as there are spans, made when the spans are known. */
class WideSweep implements Sweep {
  readonly #build: SpanGraph
  readonly #context: OptimizerContext
  readonly #sessions = new Map<string, Session>()

  constructor(build: SpanGraph, context: OptimizerContext) {
    this.#build = build
    this.#context = context
  }

  async over(...[spans, tensorsOf, numbers]: Parameters<Sweep['over']>): Promise<void> {
    if (spans.length === 0) return
    const lengths = spans.map(({ begin, end }) => end - begin)
    const session = this.#sessions.get(String(lengths)) ?? (await this.#create(lengths))
    const tensors = spans.map(tensorsOf)
    const feeds = numbered(tensors.map(({ feeds }) => feeds))
    await session.run({ ...feeds, ...numbers }, numbered(tensors.map(({ fetches }) => fetches)))
  }

  async #create(lengths: readonly number[]): Promise<Session> {
    const { runtime, threads } = this.#context
    const numbers = new Map<string, Tensor>()
    const shared: Named = (name) => {
      const tensor = numbers.get(name) ?? number(name)
      numbers.set(name, tensor)
      return tensor
    }
    const copies = lengths.map((length, i) =>
      this.#build((name) => input(numberedName(name, i), [length]), shared),
    )
    const session = await runtime.createSession(graphOf(numbered(copies)), threads ? { threads } : {})
    this.#sessions.set(String(lengths), session)
    return session
  }

  close(): void {
    for (const session of this.#sessions.values()) session.close()
    this.#sessions.clear()
  }
}

const numberedName = (name: string, i: number) => `${name}_${i}`

function numbered<T>(copies: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  return Object.fromEntries(
    copies.flatMap((copy, i) => Object.entries(copy).map(([name, value]) => [numberedName(name, i), value])),
  )
}
