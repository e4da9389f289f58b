/** GLUE's tasks as their original TSV files (gluebenchmark.com), and how the reference divides them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { torchPermutation } from '../src/base/index.js'
import type { DataSet, DataSetReader, TextSample } from './samples.js'
import { type Column, readTsv, type TsvFormat } from './tsv.js'

/** What a split is made of: a file's rows, and which of them in which order. */
interface Part {
  readonly from: string
  /** @param n rows of the file */
  pick(n: number): Uint32Array
}

interface Division {
  readonly train: Part
  readonly validation: Part
  readonly test: Part
}

type Parts = Readonly<Record<'train' | 'validation', Part>> & Readonly<Record<string, Part>>

/** Reference: `data_seed`, the same in all runs. */
const shuffleSeed = 42

/** Rows held out of a training file. */
const heldOut = 1000

const inOrder = (n: number) => Uint32Array.from({ length: n }, (_, i) => i)
const shuffled = (n: number) => torchPermutation(n, shuffleSeed)

/** GLUE's test labels are secret: the reference tests on rows that have theirs. */
const divisions = {
  /** Small validation files: one half each to validate and to test on. */
  halves: {
    train: { from: 'train', pick: inOrder },
    validation: { from: 'validation', pick: (n) => shuffled(n).subarray(0, Math.floor(n / 2)) },
    test: { from: 'validation', pick: (n) => shuffled(n).subarray(Math.floor(n / 2)) },
  },
  /** Large training files: some of their rows to validate on. */
  heldOut: {
    train: { from: 'train', pick: (n) => shuffled(n).subarray(heldOut) },
    validation: { from: 'train', pick: (n) => shuffled(n).subarray(0, heldOut) },
    test: { from: 'validation', pick: inOrder },
  },
  /** Two validation files. */
  matched: {
    train: { from: 'train', pick: inOrder },
    validation: { from: 'validation_mismatched', pick: inOrder },
    test: { from: 'validation_matched', pick: inOrder },
  },
} as const satisfies Record<string, Division>

const allOf = (from: string): Part => ({ from, pick: inOrder })

/** Reference: what its classifiers are trained and scored on. */
const official: Readonly<Record<keyof typeof divisions, Parts>> = {
  halves: { train: allOf('train'), validation: allOf('validation') },
  heldOut: { train: allOf('train'), validation: allOf('validation') },
  matched: {
    train: allOf('train'),
    validation: allOf('validation_matched'),
    mismatched: allOf('validation_mismatched'),
  },
}

export interface GlueRow {
  readonly task: string
  /** Its folder in GLUE's archive. */
  readonly folder: string
  readonly division: keyof typeof divisions
  /** What its labels are called in its files; their places are its classes. Scores go from 0 to 5. */
  readonly labels: readonly string[] | 'scores'
  readonly label: Column
  /** Columns of its texts, by the names that tasks know them by. */
  readonly texts: Readonly<Record<string, Column>>
  /** A file that may hold some of its training rows. */
  readonly moreTraining?: string
  /** Reference: rows that end before their label are left out. QQP's training file has a few. */
  readonly leavesShortRowsOut?: true
}

const binary = ['0', '1']
const inferred = ['entailment', 'not_entailment']
const pair = { sentence1: 'sentence1', sentence2: 'sentence2' }

const rows: readonly GlueRow[] = [
  {
    ...{ task: 'cola', folder: 'CoLA', division: 'halves', labels: binary, moreTraining: 'val.tsv' },
    label: { place: 1, of: 4 }, // no header: source, label, the author's mark, sentence
    texts: { sentence: { place: 3, of: 4 } },
  },
  {
    ...{ task: 'sst2', folder: 'SST-2', division: 'heldOut', labels: binary },
    label: 'label',
    texts: { sentence: 'sentence' },
  },
  {
    ...{ task: 'mrpc', folder: 'MRPC', division: 'halves', labels: binary },
    label: 'Quality',
    texts: { sentence1: '#1 String', sentence2: '#2 String' },
  },
  {
    ...{ task: 'qqp', folder: 'QQP', division: 'heldOut', labels: binary, leavesShortRowsOut: true },
    label: 'is_duplicate',
    texts: { question1: 'question1', question2: 'question2' },
  },
  {
    ...{ task: 'stsb', folder: 'STS-B', division: 'halves', labels: 'scores' },
    ...{ label: 'score', texts: pair },
  },
  {
    ...{ task: 'mnli', folder: 'MNLI', division: 'matched' },
    labels: ['entailment', 'neutral', 'contradiction'],
    label: 'gold_label',
    texts: { premise: 'sentence1', hypothesis: 'sentence2' },
  },
  {
    ...{ task: 'qnli', folder: 'QNLI', division: 'heldOut', labels: inferred },
    label: 'label',
    texts: { question: 'question', sentence: 'sentence' },
  },
  {
    ...{ task: 'rte', folder: 'RTE', division: 'halves', labels: inferred },
    ...{ label: 'label', texts: pair },
  },
]

/** Names of the tasks. */
export const glueTasks: readonly string[] = rows.map(({ task }) => task)

export const glueRow = (task: string): GlueRow | undefined => rows.find((row) => row.task === task)

/** How the reference divides a task's files; `undefined` where it has none. */
export function glueDivision(task: string): Division | undefined {
  const row = glueRow(task)
  return row && divisions[row.division]
}

const trainingFile = 'train.tsv'

/** The files behind the names of parts. */
const files: Readonly<Record<string, string>> = {
  train: trainingFile,
  validation: 'dev.tsv',
  validation_matched: 'dev_matched.tsv',
  validation_mismatched: 'dev_mismatched.tsv',
}

export const glue: DataSetReader = {
  name: 'glue',
  tasks: glueTasks,
  layout:
    'a folder with train.tsv and dev.tsv (MNLI: dev_matched.tsv, dev_mismatched.tsv), or the folder around it',
  recognises: (path) =>
    ['', ...rows.map(({ folder }) => folder)].some((at) => existsSync(join(path, at, trainingFile))),
  async read(path, { task, onNote, official: whole }) {
    const row = glueRow(task)!
    const folder = existsSync(join(path, trainingFile)) ? path : join(path, row.folder)
    const division: Parts = whole ? official[row.division] : divisions[row.division]
    const parts = new Map<string, readonly TextSample[]>()
    for (const { from } of Object.values(division))
      if (!parts.has(from)) parts.set(from, await readPart(folder, from, row, onNote))
    const picked = ({ from, pick }: Part) => {
      const samples = parts.get(from)!
      return Array.from(pick(samples.length), (index) => samples[index]!)
    }
    const { train, validation, ...others } = division
    const more = Object.entries(others).map(([split, part]) => [split, picked(part)] as const)
    return {
      name: 'glue',
      splits: { train: picked(train), validation: picked(validation), ...Object.fromEntries(more) },
    } satisfies DataSet<TextSample>
  },
}

async function readPart(
  folder: string,
  part: string,
  row: GlueRow,
  onNote: (text: string) => void = () => {},
): Promise<readonly TextSample[]> {
  const format = formatOf(row, onNote)
  const read = await readTsv(join(folder, files[part]!), format)
  const more = part === 'train' && row.moreTraining && join(folder, row.moreTraining)
  const others = more && existsSync(more) ? await readTsv(more, format) : []
  return [...read, ...others].map((fields, index) => {
    const { label, ...texts } = fields
    return { index, texts, label: labelOf(label!, row) }
  })
}

function formatOf(row: GlueRow, onNote: (text: string) => void): TsvFormat {
  const { folder, labels, label, texts, leavesShortRowsOut } = row
  return {
    columns: { label, ...texts },
    problem: (field, text) => (field === 'label' ? labelProblem(text, labels) : undefined),
    about: `${folder}'s rows`,
    ...(leavesShortRowsOut
      ? { onShortRows: (path: string, count: number) => onNote(shortRowsNote(path, count)) }
      : {}),
  }
}

function labelProblem(text: string, labels: GlueRow['labels']): string | undefined {
  if (labels !== 'scores') return labels.includes(text) ? undefined : `not one of ${labels.join(', ')}`
  const score = Number(text)
  return text.trim() !== '' && score >= 0 && score <= 5 ? undefined : 'not a number from 0 to 5'
}

/** Scores are stored as float32 by the reference, which decides ties when they are rounded. */
function labelOf(text: string, { labels }: GlueRow): number {
  return labels === 'scores' ? Math.fround(Number(text)) : labels.indexOf(text)
}

const shortRowsNote = (path: string, count: number) =>
  `${path}: ${count} ${count === 1 ? 'row ends before its label and is' : 'rows end before their label and are'} left out`
