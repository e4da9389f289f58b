import type { Graph } from '../../graph/index.js'
import type { Session } from '../../runtime/index.js'
import type { OptimizerContext } from './optimizer.js'

/** Sessions of graphs that can only be built when the sizes of what they work on are known: one for each list of sizes. */
export class SizedSessions<Sizes extends readonly unknown[]> {
  readonly #build: (sizes: Sizes) => Graph
  readonly #context: OptimizerContext
  readonly #sessions = new Map<string, Session>()

  constructor(build: (sizes: Sizes) => Graph, context: OptimizerContext) {
    this.#build = build
    this.#context = context
  }

  async of(sizes: Sizes): Promise<Session> {
    const key = JSON.stringify(sizes)
    const known = this.#sessions.get(key)
    if (known) return known
    const { runtime, threads } = this.#context
    const session = await runtime.createSession(this.#build(sizes), threads ? { threads } : {})
    this.#sessions.set(key, session)
    return session
  }

  /** Idempotent. */
  close(): void {
    for (const session of this.#sessions.values()) session.close()
    this.#sessions.clear()
  }
}
