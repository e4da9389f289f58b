/** Trainings on texts that take seconds: a tiny T5, and sentences of four words in CoLA's files. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bartKind, writeTokenizer } from './runs.js'
import { writeTinyT5 } from './t5.js'
import { tinyBart } from './tinyConfig.js'

const nouns = ['dog', 'cat', 'bird', 'horse']
const verbs = ['sees', 'hears', 'knows', 'likes']

/** A model folder whose tokenizer knows the words of these sentences. */
export function writeTextT5(folder: string): string {
  const words = ['cola', 'sentence', ':', '0', '1', 'the', ...nouns, ...verbs]
  writeTinyT5(folder, { num_layers: 1, num_decoder_layers: 1 })
  writeTokenizer(folder, words)
  return folder
}

/** The same for BART. */
export function writeTextBart(folder: string): string {
  writeTinyT5(folder, { ...tinyBart, init_std: 0.1 })
  writeTokenizer(folder, ['the', ...nouns, ...verbs], bartKind)
  return folder
}

/** Pairs of words as STS-B has them: 5 for two nouns, 2.3 for one, 0 for none. */
export function writeTinyStsb(folder: string): string {
  const words = [...nouns, ...verbs]
  const score = (...pair: readonly string[]) =>
    [0, 2.3, 5][pair.filter((word) => nouns.includes(word)).length]
  const rows = words.flatMap((a) => words.map((b) => `the ${a}\tthe ${b}\t${score(a, b)}`))
  mkdirSync(folder, { recursive: true })
  for (const file of ['train.tsv', 'dev.tsv'])
    writeFileSync(
      join(folder, file),
      ['sentence1\tsentence2\tscore', ...rows].map((row) => `${row}\n`).join(''),
    )
  return folder
}

/** Rows as CoLA has them: source, label, the author's mark, sentence. A sentence without a verb is not acceptable. */
function colaRows(): string[] {
  return nouns.flatMap((subject) =>
    nouns.flatMap((object) => [
      ...verbs.map((verb) => `gj04\t1\t\tthe ${subject} ${verb} the ${object}`),
      ...nouns.map((other) => `gj04\t0\t*\tthe ${subject} ${other} the ${object}`),
    ]),
  )
}

/** 96 sentences to train on, 32 to divide into validation and test. */
export function writeTinyCola(folder: string): string {
  const rows = colaRows()
  const isDev = (i: number) => i % 4 === Math.floor(i / 8) % 4 // every word is in both files
  mkdirSync(folder, { recursive: true })
  const write = (file: string, some: readonly string[]) =>
    writeFileSync(join(folder, file), some.map((row) => `${row}\n`).join(''))
  write(
    'train.tsv',
    rows.filter((_, i) => !isDev(i)),
  )
  write(
    'dev.tsv',
    rows.filter((_, i) => isDev(i)),
  )
  return folder
}
