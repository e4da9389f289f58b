/** What a pickle holds, as inert data: none of it ever acts. */
import type { Dtype } from '../dtype.js'

/** An element type of PyTorch's; `dtype` is safetensors' name for it, where that has one. */
export interface ElementType {
  readonly name: string
  readonly bytes: number
  readonly dtype?: Dtype
}

export interface List {
  readonly kind: 'list'
  readonly items: Value[]
}

export interface Tuple {
  readonly kind: 'tuple'
  readonly items: readonly Value[]
}

export interface Mapping {
  readonly kind: 'mapping'
  readonly entries: Map<Value, Value>
}

/** An object of a class that TorchScript compiled: what it was given as its state. */
export interface ScriptRecord {
  readonly kind: 'record'
  state: Value
}

/** A name that a pickle refers to. */
export interface Global {
  readonly kind: 'global'
  /** `module.name` */
  readonly name: string
  readonly meaning: Meaning
}

/** A run of bytes that tensors lie in. */
export interface Storage {
  readonly kind: 'storage'
  /** Its name in the file. */
  readonly key: string
  readonly type: ElementType
  /** Where it begins in the bytes of that name, in bytes. */
  readonly begin: number
  readonly bytes: number
  /** Of all the bytes of that name. */
  readonly wholeBytes: number
}

/** A strided view of a storage; offset and strides count elements. */
export interface TensorView {
  readonly kind: 'tensor'
  readonly storage: Storage
  readonly type: ElementType
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** Something of no use for weights: bytes, a device, a complex number. */
export interface Inert {
  readonly kind: 'inert'
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | List
  | Tuple
  | Mapping
  | ScriptRecord
  | Global
  | Storage
  | TensorView
  | Inert

/** What a global stands for. One that stands for itself alone (a dtype, a class) is only looked at. */
export interface Meaning {
  /** The elements of a storage of this type, or those of this dtype. */
  readonly type?: ElementType
  /** What a call of it gives. @throws {UserError} arguments that it can't have */
  readonly call?: (args: readonly Value[], pickle: Pickle) => Value
  /** Whether it is a class of TorchScript's. */
  readonly script?: true
}

/** What a call may ask of the pickle that it stands in. */
export interface Pickle {
  /** Counts work, which is limited. @throws {UserError} it is too much */
  work(steps: number): void
  /** The error of a pickle that makes no sense. */
  damaged(what: string): Error
  /** The error of something that weights have no need for. */
  refused(what: string): Error
}

type Compound = Exclude<Value, null | boolean | number | bigint | string>

/** Whether a value is of this kind. */
export function is<K extends Compound['kind']>(
  value: Value | undefined,
  ...kinds: readonly K[]
): value is Extract<Compound, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && (kinds as readonly string[]).includes(value.kind)
}

export const inert: Inert = { kind: 'inert' }

const longestQuote = 80

/** A name out of a file, safe to print: short, on one line, without control characters. */
export function quoted(name: string): string {
  const short = name.length > longestQuote ? `${name.slice(0, longestQuote)}…` : name
  return JSON.stringify(short).replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?')
}
