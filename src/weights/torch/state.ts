/** Which of a checkpoint's tensors are the model's, and what they are called. */
import { UserError } from '../../base/index.js'
import { damaged } from '../header.js'
import { is, type Mapping, quoted, type ScriptRecord, type TensorView, type Value } from './values.js'

/** Tensors that belong together, by their names. */
export interface Part {
  /** The keys that lead to it, joined by dots; empty at the top. */
  readonly path: string
  readonly tensors: ReadonlyMap<string, TensorView>
  /** Names beside them that are no tensors. */
  readonly others: readonly string[]
}

const deepest = 100
const mostVisits = 2 ** 20
const longestName = 512

/**
 * The deepest mappings from names to tensors: `{'model': {…}, 'epoch': 3}` has one, `model`. Only names lead down, so
 * what an optimizer keeps by number is no part. A TorchScript module is one part; its names are its attributes' paths.
 *
 * @throws {UserError} containers in themselves, too deep or too often in others; none; several, and no `wanted`
 */
export function findPart(root: Value, file: string, wanted: string | undefined): Part {
  const found = new Walk(file).partsOf(root).filter(({ tensors }) => tensors.size > 0)
  const choices = found.map(({ path, tensors }) => `${quoted(path)} (${tensors.size} tensors)`)
  if (found.length === 0)
    throw new UserError(`${file}: holds no tensors by name: save a model's state_dict() with torch.save`)
  if (wanted !== undefined) {
    const part = found.find(({ path }) => path === wanted)
    if (part) return withoutParallel(part)
    throw new UserError(`${file}: has no part ${quoted(wanted)}: take one of ${some(choices)}`)
  }
  if (found.length > 1)
    throw new UserError(
      `${file}: holds several sets of tensors, ${some(choices)}: take one out with vl-lst convert FILE --part NAME`,
    )
  return withoutParallel(found[0]!)
}

const mostNamed = 5

function some(choices: readonly string[]): string {
  const more = choices.length > mostNamed ? ` and ${choices.length - mostNamed} more` : ''
  return `${choices.slice(0, mostNamed).join(', ')}${more}`
}

/** `DataParallel` and its kind put this before every name. */
const parallelPrefix = 'module.'

function withoutParallel(part: Part): Part {
  const names = [...part.tensors.keys()]
  if (!names.every((name) => name.startsWith(parallelPrefix))) return part
  const tensors = [...part.tensors].map(([name, view]) => [name.slice(parallelPrefix.length), view] as const)
  return { ...part, tensors: new Map(tensors) }
}

class Walk {
  private readonly open = new Set<Value>()
  private visits = 0

  constructor(private readonly file: string) {}

  partsOf(root: Value): readonly Part[] {
    const found: Part[] = []
    if (is(root, 'mapping')) this.search(root, '', 0, found)
    if (is(root, 'record')) {
      const tensors = new Map<string, TensorView>()
      this.collect(root, '', 0, tensors)
      found.push({ path: '', tensors, others: [] })
    }
    return found
  }

  /** @param into gets the parts in a mapping, or itself where there are none */
  private search(mapping: Mapping, path: string, depth: number, into: Part[]): void {
    this.inside(mapping, depth, () => {
      const before = into.length
      const tensors = new Map<string, TensorView>()
      const others: string[] = []
      for (const [key, value] of mapping.entries) {
        this.visit()
        if (typeof key !== 'string') continue
        if (is(value, 'tensor')) tensors.set(this.checked(key), value)
        else others.push(key)
        if (is(value, 'mapping')) this.search(value, this.joined(path, key), depth + 1, into)
      }
      if (into.length === before && tensors.size > 0) into.push({ path, tensors, others })
    })
  }

  private collect(record: ScriptRecord, path: string, depth: number, into: Map<string, TensorView>): void {
    this.inside(record, depth, () => {
      if (!is(record.state, 'mapping')) return
      for (const [key, value] of record.state.entries) {
        this.visit()
        if (typeof key !== 'string') continue
        if (is(value, 'tensor')) into.set(this.joined(path, key), value)
        if (is(value, 'record')) this.collect(value, this.joined(path, key), depth + 1, into)
      }
    })
  }

  private inside(container: Value, depth: number, use: () => void): void {
    if (this.open.has(container)) throw damaged(this.file, 'holds a container that is in itself')
    if (depth > deepest) throw damaged(this.file, `its containers are nested more than ${deepest} deep`)
    this.open.add(container)
    use()
    this.open.delete(container)
  }

  private visit(): void {
    if (++this.visits > mostVisits) throw damaged(this.file, `has more than ${mostVisits} names to look at`)
  }

  private joined(path: string, key: string): string {
    return this.checked(path === '' ? key : `${path}.${key}`)
  }

  private checked(name: string): string {
    if (name.length > longestName) throw damaged(this.file, `has a name of ${name.length} characters`)
    if (name === '__metadata__')
      throw new UserError(`${this.file}: a tensor is called __metadata__, as no file may have it: rename it`)
    return name
  }
}
