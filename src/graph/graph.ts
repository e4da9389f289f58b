import { ancestors } from './gradient.js'
import type { Tensor } from './tensor.js'

/** A graph to run: what is given and kept is found from the outputs. */
export interface Graph {
  readonly outputs: ReadonlyMap<string, Tensor>
  /** Given with every run, or trained: everything that a session is fed with, by name. */
  readonly inputs: ReadonlyMap<string, Tensor>
  /** Parameters that keep their value for the session's whole life. */
  readonly frozen: ReadonlyMap<string, Tensor>
}

/** Where a frozen parameter lies on disk: the way of a runtime that maps the file by itself. */
export interface Placement {
  readonly file: string
  readonly offset: number
  readonly bytes: number
}

/**
 * The graph that leads to `outputs`.
 *
 * @throws {Error} two inputs or parameters of one name, or an output named like one of them
 */
export function graphOf(outputs: Readonly<Record<string, Tensor>>): Graph {
  const inputs = new Map<string, Tensor>()
  const frozen = new Map<string, Tensor>()
  for (const tensor of ancestors(Object.values(outputs))) {
    const { source } = tensor
    if (source.kind === 'input' || source.kind === 'parameter') {
      const table = source.kind === 'parameter' && !source.trained ? frozen : inputs
      if (inputs.has(source.name) || frozen.has(source.name))
        throw new Error(`two leaves are named ${source.name}`)
      table.set(source.name, tensor)
    }
  }
  const double = Object.keys(outputs).find((name) => inputs.has(name) || frozen.has(name))
  if (double !== undefined) throw new Error(`an output and what it is made of are both named ${double}`)
  return { outputs: new Map(Object.entries(outputs)), inputs, frozen }
}
