/**
 * The trained parameters of a run, one behind the other in a few flat arrays, so that an optimizer goes over long
 * stretches of memory instead of over hundreds of small tensors.
 */
import { HostTensor } from '../runtime/index.js'

export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  /** Whether weight decay applies to it. */
  readonly decays: boolean
}

/** A stretch of one slab, in elements: `begin` … `end` − 1. */
export interface Span {
  readonly slab: number
  readonly begin: number
  readonly end: number
}

export interface Parameter extends ParameterSpec {
  readonly span: Span
  /** What the gradient graph is fed with. */
  readonly value: HostTensor
  /** What the gradient graph writes. */
  readonly gradient: HostTensor
}

/** Spans that an optimizer treats alike. */
export interface Group {
  /** One of the parameters in it. */
  readonly example: Parameter
  /** None longer than the store's chunk, all multiples of {@link alignment}; zero where no parameter is. */
  readonly spans: readonly Span[]
}

export interface StoreOptions {
  /** Most bytes of one slab; only a parameter that is larger by itself gets a larger one. */
  readonly slabBytes?: number
  /** Most elements of a span, a multiple of {@link alignment}: what one run of an update graph works on. */
  readonly chunk?: number
  /** Memory for the gradients, all zero, as long as {@link slabLengths} says. */
  readonly gradients?: readonly Float32Array[]
}

/** Node 20 makes no ArrayBuffer above 4 GiB. */
const defaultSlabBytes = 2 ** 30
/** AdamW, norm and sum over 18 million elements take 150 to 173 ms of processor time; with 65,536 209 to 216. */
const defaultChunk = 2 ** 18
/** Parameters and spans start at multiples of this many elements, which are 64 bytes. */
export const alignment = 16

/** Flat float32 memory in the layout of a store, all zero at first. Views of it are made once. */
export class Slabs {
  readonly arrays: readonly Float32Array[]
  readonly #views = new Map<string, HostTensor>()

  /** @param arrays one a slab */
  constructor(arrays: readonly Float32Array[]) {
    this.arrays = arrays
  }

  /** The elements of a span, as a tensor of that shape (of one axis by default). */
  view({ slab, begin, end }: Span, shape: readonly number[] = [end - begin]): HostTensor {
    const key = `${slab}:${begin}:${shape}`
    let view = this.#views.get(key)
    if (!view) {
      view = new HostTensor('float32', shape, this.arrays[slab]!.subarray(begin, end))
      this.#views.set(key, view)
    }
    return view
  }

  /** Idempotent: releases all views. */
  release(): void {
    for (const view of this.#views.values()) view.release()
    this.#views.clear()
  }
}

/**
 * Values and gradients of all trained parameters. Those that decay come first, otherwise the order is the given one.
 * Memory: 2 × 4 bytes an element; an optimizer adds its own.
 */
export class ParameterStore {
  /** By name, in the order in which they lie in memory. */
  readonly parameters: ReadonlyMap<string, Parameter>
  readonly values: Slabs
  readonly gradients: Slabs
  readonly #lengths: readonly number[]
  readonly #chunk: number

  /** @throws {Error} two parameters of the same name */
  constructor(specs: readonly ParameterSpec[], options: StoreOptions = {}) {
    const { spans, lengths } = layOut(specs, options.slabBytes)
    this.#lengths = lengths
    this.#chunk = options.chunk ?? defaultChunk
    this.values = this.slabs()
    this.gradients = options.gradients ? new Slabs(options.gradients) : this.slabs()
    this.parameters = new Map(
      [...spans].map(([spec, span]) => [
        spec.name,
        {
          ...spec,
          span,
          value: this.values.view(span, spec.shape),
          gradient: this.gradients.view(span, spec.shape),
        },
      ]),
    )
    if (this.parameters.size !== specs.length) throw new Error('two trained parameters have the same name')
  }

  /** More memory of the same layout: an optimizer's moments. Whoever asks releases it. */
  slabs(): Slabs {
    return new Slabs(this.#lengths.map((length) => new Float32Array(length)))
  }

  /**
   * The parameters in groups that may be updated together, across the borders of parameters.
   *
   * @param keyOf equal for parameters that are treated alike; `undefined`: in no group
   */
  groups(keyOf: (parameter: Parameter) => number | undefined): readonly Group[] {
    const groups = new Map<number, { readonly example: Parameter; readonly spans: Span[] }>()
    for (const { key, example, span } of this.#runs(keyOf)) {
      const group = groups.get(key) ?? { example, spans: [] }
      groups.set(key, group)
      group.spans.push(...cut(span, this.#chunk))
    }
    return [...groups.values()]
  }

  /** All parameters but those, in spans across their borders. */
  spans(without?: ReadonlySet<string>): readonly Span[] {
    return this.groups(({ name }) => (without?.has(name) ? undefined : 0)).flatMap(({ spans }) => spans)
  }

  /** The longest spans of neighbours with one key. */
  *#runs(keyOf: (parameter: Parameter) => number | undefined) {
    let run: { key: number; example: Parameter; span: Span } | undefined
    for (const parameter of this.parameters.values()) {
      const key = keyOf(parameter)
      const span = { ...parameter.span, end: align(parameter.span.end) }
      if (run && key === run.key && span.slab === run.span.slab) {
        run.span = { ...run.span, end: span.end }
        continue
      }
      if (run) yield run
      run = key === undefined ? undefined : { key, example: parameter, span }
    }
    if (run) yield run
  }

  /** Idempotent: releases all tensors. */
  release(): void {
    this.values.release()
    this.gradients.release()
  }
}

/** Cuts at multiples of `chunk`, so that other groupings of the parameters find most views made already. */
function* cut({ slab, begin, end }: Span, chunk: number): Generator<Span> {
  for (let at = begin; at < end; ) {
    const next = Math.min(end, (Math.floor(at / chunk) + 1) * chunk)
    yield { slab, begin: at, end: next }
    at = next
  }
}

/** Elements of each slab of a store. */
export const slabLengths = (specs: readonly ParameterSpec[]): readonly number[] => layOut(specs).lengths

/** @returns where each parameter lies, and the length of each slab, in elements */
function layOut(specs: readonly ParameterSpec[], slabBytes = defaultSlabBytes) {
  const limit = slabBytes / 4
  const spans = new Map<ParameterSpec, Span>()
  const lengths: number[] = []
  for (const spec of [...specs].sort((a, b) => Number(b.decays) - Number(a.decays))) {
    const count = elements(spec.shape)
    const slab = lengths.length - 1
    const begin = lengths[slab] ?? Number.POSITIVE_INFINITY
    const fits = begin + count <= limit
    const span = fits ? { slab, begin, end: begin + count } : { slab: slab + 1, begin: 0, end: count }
    spans.set(spec, span)
    lengths[span.slab] = align(span.end)
  }
  return { spans, lengths }
}

function align(count: number): number {
  return Math.ceil(count / alignment) * alignment
}

/** How many elements a tensor of this shape has. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
