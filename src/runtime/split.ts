import type { Graph, SplitGraph } from '../graph/index.js'
import type { RunTensors, Session, Tensors } from './session.js'

/** Two sessions as one: what the first makes, the second is fed with. */
export class SplitSession implements Session {
  readonly graph: Graph
  readonly #words: Session
  readonly #rest: Session

  /** @param parts sessions of the two graphs that `graph` was split into */
  constructor(graph: Graph, parts: { readonly [K in keyof SplitGraph]: Session }) {
    this.graph = graph
    this.#words = parts.words
    this.#rest = parts.rest
  }

  async run(feeds: RunTensors, fetches?: RunTensors): Promise<Tensors> {
    const words = await this.#words.run(feeds)
    try {
      return await this.#rest.run({ ...feeds, ...words }, fetches)
    } finally {
      for (const tensor of Object.values(words)) tensor.release()
    }
  }

  endProfiling(): string {
    return this.#rest.endProfiling()
  }

  close(): void {
    this.#words.close()
    this.#rest.close()
  }
}
