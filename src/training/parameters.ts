/**
 * The trained parameters of a run, one behind the other in a few flat arrays, so that an optimizer goes over long
 * stretches of memory instead of over hundreds of small tensors.
 */
import type { DeviceMemory, HostTensor } from '../runtime/index.js'
import { DeviceSlabs, Slabs, type Span } from './slabs.js'

export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  /** Whether weight decay applies to it. */
  readonly decays: boolean
}

export interface Parameter extends ParameterSpec {
  readonly span: Span
  /** As it is in host memory: see {@link ParameterStore.fetch}. */
  readonly value: HostTensor
  readonly gradient: HostTensor
}

/** Spans that an optimizer treats alike. */
export interface Group {
  /** One of the parameters in it. */
  readonly example: Parameter
  /** None longer than the store's chunk, all multiples of {@link alignment} unless {@link StoreOptions.apart}; zero where no parameter is. */
  readonly spans: readonly Span[]
}

export interface StoreOptions {
  /** Most bytes of one slab; only a parameter that is larger by itself gets a larger one. */
  readonly slabBytes?: number
  /** Most elements of a span, a multiple of {@link alignment}: what one run of an update graph works on. */
  readonly chunk?: number
  /** Memory for gradients and for values, all zero, as long as {@link slabLengths} says. */
  readonly gradients?: readonly Float32Array[]
  readonly values?: readonly Float32Array[]
  /** Gives memory for moments, all zero. */
  readonly allocate?: (lengths: readonly number[]) => Promise<readonly Float32Array[]>
  /** Where values, gradients and moments stay between runs, each parameter {@link apart}; host memory by default. */
  readonly memory?: DeviceMemory
  /**
   * Each parameter has a slab of its own and nothing beside it: on a device no tensor can lie over a part of another's
   * memory, and kernels write what they like behind a tensor's end.
   */
  readonly apart?: boolean
}

/** Node 20 makes no ArrayBuffer above 4 GiB. */
const defaultSlabBytes = 2 ** 30
/** AdamW, norm and sum over 18 million elements take 150 to 173 ms of processor time; with 65,536 209 to 216. */
const defaultChunk = 2 ** 18
/** Parameters and spans start at multiples of this many elements, which are 64 bytes. */
export const alignment = 16

/**
 * Values and gradients of all trained parameters. Those that decay come first, otherwise the order is the given one.
 * Memory: 2 × 4 bytes an element; an optimizer adds its own. On a device as much again, and the host's is what was
 * pushed or fetched last.
 */
export class ParameterStore {
  /** By name, in the order in which they lie in memory. */
  readonly parameters: ReadonlyMap<string, Parameter>
  readonly values: Slabs
  readonly gradients: Slabs
  readonly #lengths: readonly number[]
  readonly #chunk: number
  readonly #memory: DeviceMemory | undefined
  readonly #allocate: NonNullable<StoreOptions['allocate']>
  /** What outlives a step: values and moments. */
  readonly #lasting: Slabs[] = []

  /** @throws {Error} two parameters of the same name */
  constructor(specs: readonly ParameterSpec[], options: StoreOptions = {}) {
    const { spans, lengths } = layOut(specs, options)
    this.#memory = options.memory
    this.#lengths = lengths
    this.#chunk = isApart(options) ? Number.POSITIVE_INFINITY : (options.chunk ?? defaultChunk)
    this.#allocate = options.allocate ?? (async (lengths) => zeros(lengths))
    this.values = this.#lastingOver(options.values ?? zeros(lengths))
    this.gradients = this.#over(options.gradients ?? zeros(lengths))
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

  /** More memory of the same layout, for what doesn't outlive a step; on a device undefined at first. Whoever asks releases it. */
  slabs(): Slabs {
    return this.#over(zeros(this.#lengths))
  }

  /**
   * Memory for what an optimizer keeps of the parameters, of the same layout by default: {@link push} and {@link fetch} go
   * over it too. Whoever asks releases it.
   */
  async moments(lengths: readonly number[] = this.#lengths): Promise<Slabs> {
    return this.#lastingOver(await this.#allocate(lengths))
  }

  #lastingOver(arrays: readonly Float32Array[]): Slabs {
    const slabs = this.#over(arrays)
    this.#lasting.push(slabs)
    return slabs
  }

  #over(arrays: readonly Float32Array[]): Slabs {
    return this.#memory ? new DeviceSlabs(arrays, this.#memory) : new Slabs(arrays)
  }

  /** Whether steps leave host memory as it is. */
  get isOnDevice(): boolean {
    return this.#memory !== undefined
  }

  /** Host memory, as it is, becomes what runs read. To be called before the first run on a device. */
  async push(): Promise<void> {
    for (const slabs of [...this.#lasting, this.gradients]) await slabs.push()
  }

  /** Values and moments, as the last run left them, become readable; gradients don't. */
  async fetch(): Promise<void> {
    for (const slabs of this.#lasting) await slabs.fetch()
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

  /** Whole stretches of memory with those parameters in them. */
  stretches(of: ReadonlySet<string>): readonly Span[] {
    return [...this.#runs(({ name }) => (of.has(name) ? 0 : undefined))].map(({ span }) => span)
  }

  /**
   * Names of the parameters of one of so many parts that follow one another in memory and are about as large: a parameter
   * belongs where its middle lies.
   */
  part(rank: number, parts: number): ReadonlySet<string> {
    const total = this.#lengths.reduce((sum, length) => sum + length, 0)
    const starts = this.#lengths.map((_, slab) => this.#lengths.slice(0, slab).reduce((a, b) => a + b, 0))
    const partOf = ({ span: { slab, begin, end } }: Parameter) =>
      Math.floor(((starts[slab]! + (begin + end) / 2) / total) * parts)
    return new Set(
      [...this.parameters.values()].filter((each) => partOf(each) === rank).map(({ name }) => name),
    )
  }

  /** The longest spans of neighbours with one key. */
  *#runs(keyOf: (parameter: Parameter) => number | undefined) {
    let run: { key: number; example: Parameter; span: Span } | undefined
    for (const parameter of this.parameters.values()) {
      const key = keyOf(parameter)
      const { slab, begin, end } = parameter.span
      const span = { slab, begin, end: Math.min(align(end), this.#lengths[slab]!) }
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

const zeros = (lengths: readonly number[]): readonly Float32Array[] =>
  lengths.map((length) => new Float32Array(length))

/** Elements of each slab of a store. */
export const slabLengths = (specs: readonly ParameterSpec[], options: StoreOptions = {}): readonly number[] =>
  layOut(specs, options).lengths

const isApart = ({ memory, apart }: StoreOptions) => memory !== undefined || apart === true

/** @returns where each parameter lies, and the length of each slab, in elements */
function layOut(specs: readonly ParameterSpec[], options: StoreOptions) {
  const apart = isApart(options)
  const limit = apart ? 0 : (options.slabBytes ?? defaultSlabBytes) / 4
  const spans = new Map<ParameterSpec, Span>()
  const lengths: number[] = []
  for (const spec of [...specs].sort((a, b) => Number(b.decays) - Number(a.decays))) {
    const count = elements(spec.shape)
    const slab = lengths.length - 1
    const begin = lengths[slab] ?? Number.POSITIVE_INFINITY
    const fits = begin + count <= limit
    const span = fits ? { slab, begin, end: begin + count } : { slab: slab + 1, begin: 0, end: count }
    spans.set(spec, span)
    lengths[span.slab] = apart ? span.end : align(span.end)
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
