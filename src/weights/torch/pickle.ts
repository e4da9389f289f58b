/**
 * Python's pickle format, protocols 2 to 5, as data: a stack machine that builds containers, and that looks up names in
 * a table instead of importing and calling them (`globals.ts`).
 *
 * @see https://docs.python.org/3/library/pickle.html and `pickletools`, which documents every operation
 */
import { UserError } from '../../base/index.js'
import { damaged } from '../header.js'
import { build, called, created, globalOf } from './globals.js'
import { inert, is, type List, type Mapping, type Pickle, quoted, type Tuple, type Value } from './values.js'

/** Longest pickle that is read, in bytes: some hundred thousand tensors. */
export const pickleLimit = 2 ** 26
/** Most steps of one pickle; each makes at most one object. */
const stepLimit = 8e6
const longestInteger = 255 // bytes

export interface PickleSource {
  /** What errors call the file. */
  readonly file: string
  readonly bytes: Uint8Array
  /** Where the pickle begins; it ends with its own STOP. */
  readonly begin: number
}

/** @returns what the pickle holds, and where the next byte lies */
export function unpickle(
  source: PickleSource,
  persistent: (id: Value, pickle: Pickle) => Value,
): { readonly value: Value; readonly end: number } {
  const machine = new Machine(source, persistent)
  return { value: machine.run(), end: machine.at }
}

class Machine implements Pickle {
  at: number
  private readonly view: DataView
  private readonly stack: Value[] = []
  private readonly marks: number[] = []
  private readonly memo = new Map<number, Value>()
  private steps = 0

  constructor(
    private readonly source: PickleSource,
    private readonly persistent: (id: Value, pickle: Pickle) => Value,
  ) {
    const { bytes, begin } = source
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = begin
  }

  run(): Value {
    for (;;) {
      this.work(1)
      const code = this.byte()
      if (code === stop) return this.pop()
      const operation = operations.get(code)
      if (!operation)
        throw this.damaged(`its pickle has the operation 0x${code.toString(16)}, which is not read`)
      operation(this)
    }
  }

  work(steps: number): void {
    this.steps += steps
    if (this.steps > stepLimit) throw this.damaged(`its pickle takes more than ${stepLimit} steps`)
  }

  damaged(what: string): UserError {
    return damaged(this.source.file, what)
  }

  refused(what: string): UserError {
    return new UserError(
      `${this.source.file}: asks for ${quoted(what).slice(1, -1)}, which weights have no need for, so nothing of it ` +
        'was run: save its state_dict() alone, with torch.save or as safetensors',
    )
  }

  /** Takes that many bytes. */
  take(count: number): number {
    const begin = this.at
    if (count > this.source.bytes.length - begin) throw this.damaged('its pickle is cut short')
    this.at += count
    return begin
  }

  byte(): number {
    return this.view.getUint8(this.take(1))
  }

  unsigned(bytes: 1 | 2 | 4 | 8): number {
    const begin = this.take(bytes)
    if (bytes === 1) return this.view.getUint8(begin)
    if (bytes === 2) return this.view.getUint16(begin, true)
    if (bytes === 4) return this.view.getUint32(begin, true)
    return Number(this.view.getBigUint64(begin, true))
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true)
  }

  float64(): number {
    return this.view.getFloat64(this.take(8))
  }

  /** Two's complement, little-endian. */
  integer(length: number): Value {
    if (length > longestInteger) throw this.damaged(`its pickle has an integer of ${length} bytes`)
    const begin = this.take(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.view.getUint8(begin + i))
    const signed = BigInt.asIntN(8 * length, value)
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
  }

  text(length: number): string {
    const begin = this.take(length)
    try {
      return utf8.decode(this.source.bytes.subarray(begin, begin + length))
    } catch {
      throw this.damaged('its pickle has text that is not UTF-8')
    }
  }

  line(): string {
    const end = this.source.bytes.indexOf(0x0a, this.at)
    if (end < 0) throw this.damaged('its pickle is cut short')
    const text = this.text(end - this.at)
    this.take(1)
    return text
  }

  push(value: Value): void {
    this.stack.push(value)
  }

  pop(): Value {
    if (this.stack.length <= (this.marks.at(-1) ?? 0))
      throw this.damaged('its pickle takes what is not there')
    return this.stack.pop()!
  }

  peek(): Value {
    const value = this.pop()
    this.stack.push(value)
    return value
  }

  mark(): void {
    this.marks.push(this.stack.length)
  }

  /** Everything since the last mark. */
  popMark(): Value[] {
    const mark = this.marks.pop()
    if (mark === undefined) throw this.damaged('its pickle takes what is not there')
    return this.stack.splice(mark)
  }

  /** The latest `count` values, in the order in which they came. */
  popSome(count: number): Value[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }

  remember(index: number): void {
    this.memo.set(index, this.peek())
  }

  recall(index: number): void {
    const value = this.memo.get(index)
    if (value === undefined) throw this.damaged('its pickle takes what is not there')
    this.push(value)
  }

  memoize(): void {
    this.remember(this.memo.size)
  }

  globalOf(module: string, name: string): void {
    this.push(globalOf(module, name, this))
  }

  stackGlobal(): void {
    const [module, name] = this.popSome(2)
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.damaged('its pickle has no proper name')
    this.globalOf(module, name)
  }

  reduce(): void {
    const [value, args] = this.popSome(2)
    this.push(called(value!, args!, this))
  }

  create(argumentCount: number): void {
    const [value] = this.popSome(1 + argumentCount)
    this.push(created(value!, this))
  }

  build(): void {
    const state = this.pop()
    build(this.peek(), state, this)
  }

  resolvePersistent(): void {
    this.push(this.persistent(this.pop(), this))
  }

  append(items: readonly Value[]): void {
    const list = this.peek()
    if (!is(list, 'list')) throw this.damaged('its pickle adds to something that is no list')
    for (const item of items) list.items.push(item)
  }

  setItems(items: readonly Value[]): void {
    const mapping = this.peek()
    if (!is(mapping, 'mapping') || items.length % 2 !== 0)
      throw this.damaged('its pickle adds to something that is no dictionary')
    for (let i = 0; i < items.length; i += 2) mapping.entries.set(items[i]!, items[i + 1]!)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const stop = 0x2e

const list = (items: Value[]): List => ({ kind: 'list', items })
const tuple = (items: Value[]): Tuple => ({ kind: 'tuple', items })
const mapping = (): Mapping => ({ kind: 'mapping', entries: new Map() })

/** Bytes are of no use for weights. */
function skip(machine: Machine, length: number): void {
  machine.take(length)
  machine.push(inert)
}

const operations: ReadonlyMap<number, (machine: Machine) => void> = new Map<number, (m: Machine) => void>([
  [0x80, (m) => void m.byte()], //                                   PROTO
  [0x95, (m) => void m.unsigned(8)], //                              FRAME
  [0x4e, (m) => m.push(null)], //                                    NONE
  [0x88, (m) => m.push(true)], //                                    NEWTRUE
  [0x89, (m) => m.push(false)], //                                   NEWFALSE
  [0x4a, (m) => m.push(m.int32())], //                               BININT
  [0x4b, (m) => m.push(m.unsigned(1))], //                           BININT1
  [0x4d, (m) => m.push(m.unsigned(2))], //                           BININT2
  [0x8a, (m) => m.push(m.integer(m.unsigned(1)))], //                LONG1
  [0x8b, (m) => m.push(m.integer(m.unsigned(4)))], //                LONG4
  [0x47, (m) => m.push(m.float64())], //                             BINFLOAT
  [0x58, (m) => m.push(m.text(m.unsigned(4)))], //                   BINUNICODE
  [0x8c, (m) => m.push(m.text(m.unsigned(1)))], //                   SHORT_BINUNICODE
  [0x8d, (m) => m.push(m.text(m.unsigned(8)))], //                   BINUNICODE8
  [0x54, (m) => m.push(m.text(m.unsigned(4)))], //                   BINSTRING: Python 2's text
  [0x55, (m) => m.push(m.text(m.unsigned(1)))], //                   SHORT_BINSTRING
  [0x42, (m) => skip(m, m.unsigned(4))], //                          BINBYTES
  [0x43, (m) => skip(m, m.unsigned(1))], //                          SHORT_BINBYTES
  [0x8e, (m) => skip(m, m.unsigned(8))], //                          BINBYTES8
  [0x96, (m) => skip(m, m.unsigned(8))], //                          BYTEARRAY8
  [0x5d, (m) => m.push(list([]))], //                                EMPTY_LIST
  [0x8f, (m) => m.push(list([]))], //                                EMPTY_SET
  [0x91, (m) => m.push(list(m.popMark()))], //                       FROZENSET
  [0x29, (m) => m.push(tuple([]))], //                               EMPTY_TUPLE
  [0x74, (m) => m.push(tuple(m.popMark()))], //                      TUPLE
  [0x85, (m) => m.push(tuple(m.popSome(1)))], //                     TUPLE1
  [0x86, (m) => m.push(tuple(m.popSome(2)))], //                     TUPLE2
  [0x87, (m) => m.push(tuple(m.popSome(3)))], //                     TUPLE3
  [0x7d, (m) => m.push(mapping())], //                               EMPTY_DICT
  [0x28, (m) => m.mark()], //                                        MARK
  [0x30, (m) => void m.pop()], //                                    POP
  [0x31, (m) => void m.popMark()], //                                POP_MARK
  [0x32, (m) => m.push(m.peek())], //                                DUP
  [0x61, (m) => m.append([m.pop()])], //                             APPEND
  [0x65, (m) => m.append(m.popMark())], //                           APPENDS
  [0x90, (m) => m.append(m.popMark())], //                           ADDITEMS
  [0x73, (m) => m.setItems(m.popSome(2))], //                        SETITEM
  [0x75, (m) => m.setItems(m.popMark())], //                         SETITEMS
  [0x71, (m) => m.remember(m.unsigned(1))], //                       BINPUT
  [0x72, (m) => m.remember(m.unsigned(4))], //                       LONG_BINPUT
  [0x94, (m) => m.memoize()], //                                     MEMOIZE
  [0x68, (m) => m.recall(m.unsigned(1))], //                         BINGET
  [0x6a, (m) => m.recall(m.unsigned(4))], //                         LONG_BINGET
  [0x63, (m) => m.globalOf(m.line(), m.line())], //                  GLOBAL
  [0x93, (m) => m.stackGlobal()], //                                 STACK_GLOBAL
  [0x52, (m) => m.reduce()], //                                      REDUCE
  [0x81, (m) => m.create(1)], //                                     NEWOBJ
  [0x92, (m) => m.create(2)], //                                     NEWOBJ_EX
  [0x62, (m) => m.build()], //                                       BUILD
  [0x51, (m) => m.resolvePersistent()], //                           BINPERSID
])
