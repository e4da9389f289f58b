/** PyTorch's checkpoints as safetensors. */
import { copyFileSync, existsSync, readdirSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { UserError } from '../base/index.js'
import { cannotWrite, makeAside, makeFolder } from '../files/index.js'
import { openTorchFolder } from './checkpoint.js'
import { tensorBytes } from './dtype.js'
import { statusOf } from './json.js'
import { type Checkpoint, type StoredTensor, tiedNames } from './stored.js'
import { openTorch } from './torch/open.js'
import { type TensorToWrite, writeSafetensors } from './write.js'

export interface ConvertOptions {
  /** A `.safetensors` file, or a folder for it; beside what is converted by default. */
  readonly output?: string
  /** Which of several sets of tensors of a file. */
  readonly part?: string
  /** Replaces what is there. */
  readonly overwrite?: boolean
  /** Called as each tensor is written. */
  readonly onTensor?: (done: number, total: number) => void
}

export interface Conversion {
  readonly output: string
  readonly tensors: number
  readonly bytes: number
  /** The keys that led to the tensors, joined by dots; empty where they lay at the top. */
  readonly part: string
  /** Names that share another's bytes, and that other name, which alone is kept: the format has no sharing. */
  readonly tied: Readonly<Record<string, string>>
  /** Names beside the tensors that are no tensors. */
  readonly leftOut: readonly string[]
}

const extension = '.safetensors'
const mend = 'make room or name another place with --output'

/**
 * Writes a file of PyTorch's as safetensors, or a model folder's weights as `model.safetensors`; into another folder
 * with the configuration and the tokenizer. Tensors keep their types. Nothing of a checkpoint is run.
 *
 * @throws {UserError} what `openTorch` finds; something is there already; the place can't be written
 */
export function convert(input: string, options: ConvertOptions = {}): Conversion {
  const { onTensor = () => {}, overwrite = false } = options
  const source = open(input, options.part)
  const output = outputOf(input, source.name, options.output)
  const copies = source.companions
    .map((name) => ({ from: join(input, name), to: join(dirname(output), name) }))
    .filter(({ from, to }) => from !== to)
  const inTheWay = [output, ...copies.map(({ to }) => to)].find((path) => existsSync(path))
  if (inTheWay !== undefined && !overwrite)
    throw new UserError(`${inTheWay}: is there already: name another place with --output, or add --overwrite`)
  const tied = tiedNames(source.checkpoint.tensors)
  const kept = [...source.checkpoint.tensors].filter(([name]) => !tied.has(name))
  try {
    makeFolder(dirname(output))
  } catch (error) {
    throw cannotWrite(error, dirname(output), mend)
  }
  let done = 0
  const tensors = kept.map(([name, tensor]) =>
    toWrite(source.checkpoint, name, tensor, () => onTensor(++done, kept.length)),
  )
  writeSafetensors(output, tensors, { format: 'pt', ...Object.fromEntries(tied) })
  for (const { from, to } of copies) makeAside(to, (aside) => copyFileSync(from, aside), mend)
  return {
    output,
    tensors: kept.length,
    bytes: kept.reduce((sum, [, { dtype, shape }]) => sum + tensorBytes(dtype, shape), 0),
    part: source.part,
    tied: Object.fromEntries(tied),
    leftOut: source.others,
  }
}

interface Source {
  readonly checkpoint: Checkpoint
  readonly part: string
  readonly others: readonly string[]
  /** What the safetensors file is called. */
  readonly name: string
  /** Files that belong to the weights, in their folder. */
  readonly companions: readonly string[]
}

function open(input: string, part: string | undefined): Source {
  const status = statusOf(input)
  if (!status) throw new UserError(`${input}: there is no such file or folder: check the path`)
  if (!status.isDirectory()) {
    const checkpoint = openTorch(input, part === undefined ? {} : { part })
    const name = basename(input, extname(input)) + extension
    return { checkpoint, part: checkpoint.part, others: checkpoint.others, name, companions: [] }
  }
  if (part !== undefined) throw new UserError(`--part ${part}: ${input} is a folder: name a file in it`)
  const companions = readdirSync(input).filter(
    (name) => /\.(json|txt|model)$/.test(name) && !name.endsWith('.index.json'),
  )
  const checkpoint = openTorchFolder(input)
  return { checkpoint, part: '', others: [], name: `model${extension}`, companions }
}

function outputOf(input: string, name: string, given: string | undefined): string {
  if (given === undefined) return join(statusOf(input)?.isDirectory() ? input : dirname(input), name)
  return given.endsWith(extension) ? given : join(given, name)
}

function toWrite(
  checkpoint: Checkpoint,
  name: string,
  { dtype, shape }: StoredTensor,
  onBegin: () => void,
): TensorToWrite {
  return {
    ...{ name, dtype, shape },
    data() {
      onBegin()
      return dtype === 'F32' ? checkpoint.float32Chunks(name) : [checkpoint.read(name)]
    },
  }
}
