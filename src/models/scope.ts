/**
 * Where a model stands in the checkpoint. A scope's path *is* the prefix of its weights' names, so that a checkpoint
 * loads without a translation table.
 */
import { atSite, parameter, type Tensor } from '../graph/index.js'
import { type DropoutSource, noDropout } from './dropout.js'

/** How a parameter starts when no checkpoint gives its values. */
export type Initializer =
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'constant'; readonly value: number }

export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly initializer: Initializer
  readonly trained: boolean
}

export interface Scope {
  readonly path: string
  /** The scope `name` below this one; dots may go several levels down. */
  at(name: string | number): Scope
  /** The parameter `name` of this scope: frozen or trained as the method decides. The same tensor every time. */
  parameter(name: string, shape: readonly number[], initializer: Initializer): Tensor
  /** x with elements dropped while training; the mask is this call's own. x [batch, …]. */
  dropout(x: Tensor): Tensor
  /** Builds with this scope as the place that messages show. */
  build<T>(make: () => T): T
}

/** All parameters of a model that is being built, and its root scope. */
export interface ModelBuild {
  readonly root: Scope
  readonly parameters: ReadonlyMap<string, { readonly spec: ParameterSpec; readonly tensor: Tensor }>
}

/**
 * @param options.trains decides by name which parameters are trained
 * @param options.dropout where masks come from; none by default
 */
export function buildModel(options: {
  readonly trains: (name: string) => boolean
  readonly dropout?: DropoutSource
}): ModelBuild {
  const parameters = new Map<string, { spec: ParameterSpec; tensor: Tensor }>()
  const dropout = options.dropout ?? noDropout
  const scope = (path: string): Scope => ({
    path,
    at: (name) => scope(path === '' ? String(name) : `${path}.${name}`),
    parameter(name, shape, initializer) {
      const full = path === '' ? name : `${path}.${name}`
      const known = parameters.get(full)
      if (known) return known.tensor
      const trained = options.trains(full)
      const spec = { name: full, shape, initializer, trained }
      const tensor = parameter(full, shape, trained)
      parameters.set(full, { spec, tensor })
      return tensor
    },
    dropout: (x) => dropout(x),
    build: (make) => atSite(path, make),
  })
  return { root: scope(''), parameters }
}

export const normal = (deviation: number): Initializer => ({ kind: 'normal', deviation })
export const uniform = (bound: number): Initializer => ({ kind: 'uniform', bound })
export const filled = (value: number): Initializer => ({ kind: 'constant', value })
