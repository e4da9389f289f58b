/**
 * Where a model stands in the checkpoint. A scope's path *is* the prefix of its weights' names, so that a checkpoint
 * loads without a translation table.
 */
import { atSite, parameter, type Tensor } from '../graph/index.js'
import { type DropoutSource, noDropout } from './dropout.js'
import type { Sites } from './sites.js'

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
  /** A checkpoint may lack it: then its initializer gives its values. */
  readonly optional?: boolean
}

export interface Scope {
  readonly path: string
  /** The scope `name` below this one; dots may go several levels down. */
  at(name: string | number): Scope
  /** The parameter `name` of this scope: frozen or trained as the method decides. The same tensor every time. */
  parameter(name: string, shape: readonly number[], initializer: Initializer): Tensor
  /** A value that a checkpoint may have, like a parameter, and that no method trains. */
  buffer(name: string, shape: readonly number[], initializer: Initializer): Tensor
  /** What changes the model while it is built. */
  readonly sites: Sites
  /**
   * x with elements dropped while training; the mask is this call's own. x [batch, …].
   *
   * @param rate where it is not the model's own; nothing is dropped where the model drops nothing
   */
  dropout(x: Tensor, rate?: number): Tensor
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
 * @param options.sites what changes the model; nothing by default
 */
export function buildModel(options: {
  readonly trains: (name: string) => boolean
  readonly dropout?: DropoutSource
  readonly sites?: Sites
}): ModelBuild {
  const parameters = new Map<string, { spec: ParameterSpec; tensor: Tensor }>()
  const { dropout = noDropout, sites = {} } = options
  const make = (spec: ParameterSpec) => {
    const known = parameters.get(spec.name)
    if (known) return known.tensor
    const tensor = parameter(spec.name, spec.shape, spec.trained)
    parameters.set(spec.name, { spec, tensor })
    return tensor
  }
  const scope = (path: string): Scope => {
    const full = (name: string | number) => (path === '' ? String(name) : `${path}.${name}`)
    return {
      ...{ path, sites, dropout },
      at: (name) => scope(full(name)),
      parameter: (name, shape, initializer) =>
        make({ name: full(name), shape, initializer, trained: options.trains(full(name)) }),
      buffer: (name, shape, initializer) =>
        make({ name: full(name), shape, initializer, trained: false, optional: true }),
      build: (make) => atSite(path, make),
    }
  }
  return { root: scope(''), parameters }
}

export const normal = (deviation: number): Initializer => ({ kind: 'normal', deviation })
export const uniform = (bound: number): Initializer => ({ kind: 'uniform', bound })
export const filled = (value: number): Initializer => ({ kind: 'constant', value })
