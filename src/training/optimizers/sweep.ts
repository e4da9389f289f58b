/** One small graph over many spans of memory. */
import { type Graph, graphOf, input, type Tensor } from '../../graph/index.js'
import type { RunTensors } from '../../runtime/index.js'
import type { Span } from '../slabs.js'
import { createLanes } from './lanes.js'
import type { OptimizerContext } from './optimizer.js'
import { SizedSessions } from './sizedSessions.js'

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
  if (context.runtime.openMemory) return wideSweep(build, context)
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

/** A graph with as many copies as there are spans. */
function wideSweep(build: SpanGraph, context: OptimizerContext): Sweep {
  const sessions = new SizedSessions((lengths: readonly number[]) => wideGraph(build, lengths), context)
  return {
    async over(spans, tensorsOf, numbers) {
      if (spans.length === 0) return
      const session = await sessions.of(spans.map(({ begin, end }) => end - begin))
      const tensors = spans.map(tensorsOf)
      const feeds = numbered(tensors.map(({ feeds }) => feeds))
      await session.run({ ...feeds, ...numbers }, numbered(tensors.map(({ fetches }) => fetches)))
    },
    close: () => sessions.close(),
  }
}

function wideGraph(build: SpanGraph, lengths: readonly number[]): Graph {
  const numbers = new Map<string, Tensor>()
  const shared: Named = (name) => {
    const tensor = numbers.get(name) ?? number(name)
    numbers.set(name, tensor)
    return tensor
  }
  const copies = lengths.map((length, i) => build((name) => input(numberedName(name, i), [length]), shared))
  return graphOf(numbered(copies))
}

const numberedName = (name: string, i: number) => `${name}_${i}`

function numbered<T>(copies: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  return Object.fromEntries(
    copies.flatMap((copy, i) => Object.entries(copy).map(([name, value]) => [numberedName(name, i), value])),
  )
}
