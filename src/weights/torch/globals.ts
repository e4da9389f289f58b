/**
 * Every name that a checkpoint may refer to, and what it stands for. The functions below make data of data; PyTorch's
 * own are never called, and a name that is not in the table is refused.
 */
import { elementTypes } from './elements.js'
import {
  type ElementType,
  type Global,
  inert,
  is,
  type Meaning,
  type Pickle,
  type TensorView,
  type Value,
} from './values.js'

type Call = NonNullable<Meaning['call']>

const ignored: Call = () => inert

const first: Call = ([value], pickle) => {
  if (value === undefined) throw pickle.damaged('a call lacks its argument')
  return value
}

/** A dictionary of pairs, of another dictionary, or of nothing. */
const dictionary: Call = ([source], pickle) => {
  if (source === undefined) return { kind: 'mapping', entries: new Map() }
  if (is(source, 'mapping')) return source
  if (!is(source, 'list', 'tuple')) throw pickle.damaged('a dictionary is made of something else')
  pickle.work(source.items.length)
  const entries = new Map<Value, Value>()
  for (const pair of source.items) {
    if (!is(pair, 'list', 'tuple') || pair.items.length !== 2)
      throw pickle.damaged('a dictionary is made of something else')
    entries.set(pair.items[0]!, pair.items[1]!)
  }
  return { kind: 'mapping', entries }
}

const mostDimensions = 64 // PyTorch's own limit

function sizes(value: Value | undefined, pickle: Pickle): readonly number[] {
  if (!is(value, 'tuple', 'list') || value.items.length > mostDimensions)
    throw pickle.damaged('a tensor has no proper shape')
  return value.items.map((size) => whole(size, pickle))
}

function whole(value: Value | undefined, pickle: Pickle): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw pickle.damaged('a tensor has a size or offset that is no whole number from 0')
  return value
}

/** A view of a storage, proved to lie within it. */
function view(args: readonly Value[], given: ElementType | undefined, pickle: Pickle): TensorView {
  const [storage, rawOffset, rawShape, rawStrides] = args
  if (!is(storage, 'storage')) throw pickle.damaged('a tensor has no storage')
  const [offset, shape, strides] = [
    whole(rawOffset, pickle),
    sizes(rawShape, pickle),
    sizes(rawStrides, pickle),
  ]
  if (shape.length !== strides.length) throw pickle.damaged('a tensor has other strides than sizes')
  const type = given ?? storage.type
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset)
  const end = shape.includes(0) ? 0 : (last + 1) * type.bytes
  if (end > storage.bytes) throw pickle.damaged('a tensor reaches beyond its storage')
  const bytes = shape.reduce((product, size) => product * size, type.bytes)
  if (!(bytes <= Number.MAX_SAFE_INTEGER))
    // NaN, too: infinitely many times nothing
    throw pickle.damaged('a tensor is larger than can be')
  return { kind: 'tensor', storage, type, offset, shape, strides }
}

/** `(storage, offset, size, stride, …)`; gradients and hooks are of no use here. */
const tensor: Call = (args, pickle) => view(args, undefined, pickle)

/** `(storage, offset, size, stride, requires_grad, hooks, dtype, …)` */
const typedTensor: Call = (args, pickle) => {
  const dtype = args[6]
  if (!is(dtype, 'global') || !dtype.meaning.type) throw pickle.damaged('a tensor has no dtype')
  return view(args, dtype.meaning.type, pickle)
}

/** `(tensor, …)` */
const parameter: Call = ([value], pickle) => {
  if (!is(value, 'tensor')) throw pickle.damaged('a parameter is no tensor')
  return value
}

const tensorClasses = ['torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer']
const tensorMakers: Readonly<Record<string, Call>> = {
  'torch._utils._rebuild_tensor': tensor,
  'torch._utils._rebuild_tensor_v2': tensor,
  'torch._utils._rebuild_tensor_v3': typedTensor,
  'torch._utils._rebuild_parameter': parameter,
  'torch._utils._rebuild_parameter_with_state': parameter,
}

/** `(function, class, arguments, state)`: a tensor with attributes. */
const attributedTensor: Call = ([maker, type, args], pickle) => {
  if (!is(maker, 'global') || !is(type, 'global') || !is(args, 'tuple'))
    throw pickle.damaged('a tensor with attributes is not made as PyTorch does')
  const make = tensorMakers[maker.name]
  if (!make) throw pickle.refused(maker.name)
  if (!tensorClasses.includes(type.name)) throw pickle.refused(type.name)
  return make(args.items, pickle)
}

const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ...[...elementTypes].map(([name, type]) => [name, { type }] as const),
  ...Object.entries(tensorMakers).map(([name, call]) => [name, { call }] as const),
  ...tensorClasses.map((name) => [name, {}] as const),
  ['torch._tensor._rebuild_from_type_v2', { call: attributedTensor }],
  ['torch.Size', { call: first }],
  ['torch.device', { call: ignored }],
  ['collections.OrderedDict', { call: dictionary }],
  ['collections.Counter', { call: dictionary }],
  // Python 2's names for built-in things, which pickles keep to this day, and Python 3's.
  ...['__builtin__', 'builtins'].flatMap((module) => [
    [`${module}.set`, { call: first }] as const,
    [`${module}.frozenset`, { call: first }] as const,
    [`${module}.bytearray`, { call: ignored }] as const,
    [`${module}.complex`, { call: ignored }] as const,
  ]),
  ['_codecs.encode', { call: ignored }],
  ...['build_intlist', 'build_doublelist', 'build_boollist', 'build_tensorlist', 'restore_type_tag'].map(
    (name) => [`torch.jit._pickle.${name}`, { call: first }] as const,
  ),
])

/** @throws {UserError} a name that no checkpoint of weights needs */
export function globalOf(module: string, name: string, pickle: Pickle): Global {
  const full = `${module}.${name}`
  const meaning =
    meanings.get(full) ?? (/^__torch__(\.|$)/.test(module) ? ({ script: true } as const) : undefined)
  if (!meaning) throw pickle.refused(full)
  return { kind: 'global', name: full, meaning }
}

/** What calling a value gives. @throws {UserError} a value that can't be called here */
export function called(value: Value, args: Value, pickle: Pickle): Value {
  if (!is(args, 'tuple')) throw pickle.damaged('a call has no arguments')
  if (!is(value, 'global')) throw pickle.damaged('it calls something that is no function')
  if (!value.meaning.call) throw pickle.refused(`a call of ${value.name}`)
  return value.meaning.call(args.items, pickle)
}

/** A new object of a class. @throws {UserError} any class but TorchScript's */
export function created(value: Value, pickle: Pickle): Value {
  if (!is(value, 'global')) throw pickle.damaged('it makes an object of something that is no class')
  if (!value.meaning.script) throw pickle.refused(`an object of ${value.name}`)
  return { kind: 'record', state: null }
}

/** Gives an object its state. @throws {UserError} one that has none here */
export function build(value: Value, state: Value, pickle: Pickle): void {
  if (is(value, 'record')) value.state = state
  else if (!is(value, 'mapping')) throw pickle.refused(`the state of ${describe(value)}`)
}

function describe(value: Value): string {
  if (is(value, 'global')) return value.name
  return typeof value === 'object' && value !== null ? `a ${value.kind}` : 'a value'
}
