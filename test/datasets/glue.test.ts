/** GLUE's original files: read as they are, divided as the reference divides them, refused where they are bad. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DataSet, openDataSet, type TextSample } from '../../datasets/index.js'
import { shared } from '../support/weights.js'

let root: string
const write = (path: string, ...lines: readonly string[]) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), lines.map((line) => `${line}\n`).join(''))
}
const open = async (task: string, path = root, onNote?: (text: string) => void) =>
  (await openDataSet(path, { task, seed: 1, ...(onNote ? { onNote } : {}) })) as DataSet<TextSample>

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'glue-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const cola = (sentence: string, label = '1') => `gj04\t${label}\t\t${sentence}`
const many = (count: number, row: (i: number) => string) => Array.from({ length: count }, (_, i) => row(i))

test("whole official files to validate on, as the reference's classifiers do", async () => {
  write('CoLA/train.tsv', ...many(3, (i) => cola(`train ${i}`)))
  write('CoLA/dev.tsv', ...many(4, (i) => cola(`dev ${i}`)))
  const header = 'index\tsentence1\tsentence2\tgold_label'
  for (const file of ['train', 'dev_matched', 'dev_mismatched'])
    write(`MNLI/${file}.tsv`, header, `0\t${file}\tb\tneutral`)
  const textsOf = async (task: string) => {
    const { splits } = await openDataSet(root, { task, seed: 1, official: true })
    const all = Object.entries(splits as DataSet<TextSample>['splits'])
    return Object.fromEntries(
      all.map(([split, rows]) => [split, rows.map(({ texts }) => Object.values(texts)[0])]),
    )
  }
  expect(await textsOf('cola')).toEqual({
    train: ['train 0', 'train 1', 'train 2'],
    validation: ['dev 0', 'dev 1', 'dev 2', 'dev 3'],
  })
  expect(await textsOf('mnli')).toEqual({
    ...{ train: ['train'], validation: ['dev_matched'], mismatched: ['dev_mismatched'] },
  })
})

describe('every task', () => {
  const pair = { sentence1: 'a', sentence2: 'b' }
  test.each<[string, string, readonly string[], TextSample]>([
    [
      'cola',
      'CoLA',
      [cola('They drank the pub.', '0')],
      { index: 0, texts: { sentence: 'They drank the pub.' }, label: 0 },
    ],
    ['sst2', 'SST-2', ['sentence\tlabel', 'good \t1'], { index: 0, texts: { sentence: 'good ' }, label: 1 }],
    [
      'mrpc',
      'MRPC',
      ['Quality\t#1 ID\t#2 ID\t#1 String\t#2 String', '1\t7\t8\ta\tb'],
      { index: 0, texts: pair, label: 1 },
    ],
    [
      'qqp',
      'QQP',
      ['id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate', '0\t1\t2\ta\t\t0'],
      { index: 0, texts: { question1: 'a', question2: '' }, label: 0 },
    ],
    [
      'stsb',
      'STS-B',
      [
        'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore',
        '0\tnews\tx\t2012\t1\tn\tn\ta\tb\t3.8',
      ],
      { index: 0, texts: pair, label: Math.fround(3.8) },
    ],
    [
      'qnli',
      'QNLI',
      ['index\tquestion\tsentence\tlabel', '0\ta?\tb\tnot_entailment'],
      { index: 0, texts: { question: 'a?', sentence: 'b' }, label: 1 },
    ],
    [
      'rte',
      'RTE',
      ['index\tsentence1\tsentence2\tlabel', '0\ta\tb\tentailment'],
      { index: 0, texts: pair, label: 0 },
    ],
  ])('%s has its files in %s, or in the folder that is named', async (task, folder, lines, sample) => {
    for (const name of ['train', 'dev']) write(`${folder}/${name}.tsv`, ...lines)
    const { splits, pictures } = await open(task)
    expect(pictures).toBeUndefined()
    const all = Object.values(splits).flat()
    expect(all).toContainEqual(sample)
    expect((await open(task, join(root, folder))).splits).toEqual(splits)
  })

  test('mnli validates on the mismatched set and tests on the matched one', async () => {
    const header = 'index\tgenre\tsentence1\tsentence2\tlabel1\tgold_label'
    write('MNLI/train.tsv', header, '0\tx\ta\tb\tneutral\tcontradiction')
    write('MNLI/dev_matched.tsv', header, '0\tx\tc\td\tneutral\tneutral')
    write('MNLI/dev_mismatched.tsv', header, '0\tx\te\tf\tneutral\tentailment')
    expect((await open('mnli')).splits).toEqual({
      train: [{ index: 0, texts: { premise: 'a', hypothesis: 'b' }, label: 2 }],
      validation: [{ index: 0, texts: { premise: 'e', hypothesis: 'f' }, label: 0 }],
      test: [{ index: 0, texts: { premise: 'c', hypothesis: 'd' }, label: 1 }],
    })
  })
})

describe('splits', () => {
  test('of a small task: the training file in order, halves of the shuffled validation file', async () => {
    write('train.tsv', ...many(4, (i) => cola(`t${i}`)))
    write('dev.tsv', ...many(9, (i) => cola(`d${i}`)))
    const { train, validation, test } = (await open('cola')).splits
    expect(train.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect([validation.length, test!.length]).toEqual([4, 5])
    const order = [...validation, ...test!].map(({ index, texts }) => [index, texts.sentence])
    expect(order).not.toEqual([...order].sort())
    expect([...order].sort()).toEqual(many(9, String).map((i) => [Number(i), `d${i}`]))
    expect((await open('cola')).splits.validation).toEqual(validation)
  })

  test('of a large task: a thousand training rows to validate on, the validation file to test on', async () => {
    write('train.tsv', 'sentence\tlabel', ...many(1003, (i) => `t${i}\t1`))
    write('dev.tsv', 'sentence\tlabel', 'd0\t0', 'd1\t1')
    const { train, validation, test } = (await open('sst2')).splits
    expect([train.length, validation.length]).toEqual([3, 1000])
    expect(new Set([...train, ...validation].map(({ index }) => index)).size).toBe(1003)
    expect(test!.map(({ texts }) => texts.sentence)).toEqual(['d0', 'd1'])
  })

  test("CoLA's training rows may lie in two files", async () => {
    write('train.tsv', cola('a'))
    write('val.tsv', cola('b'))
    write('dev.tsv', cola('c'), cola('d'))
    expect((await open('cola')).splits.train.map(({ texts }) => texts.sentence)).toEqual(['a', 'b'])
  })

  test('and no other task has more files than its own', async () => {
    const rows = ['sentence1\tsentence2\tlabel', 'a\tb\tentailment']
    for (const name of ['train', 'val', 'dev']) write(`${name}.tsv`, ...rows)
    expect((await open('rte')).splits.train).toHaveLength(1)
  })
})

test('quotes are text, blanks stay, and lines may end as on Windows or not at all', async () => {
  const path = join(root, 'dev.tsv')
  write('train.tsv', cola('a'))
  writeFileSync(path, `${cola('"He" said  ')}\r\n${cola("`a 'b")}`)
  const { validation, test } = (await open('cola')).splits
  expect([...validation, ...test!].map(({ texts }) => texts.sentence).sort()).toEqual([
    '"He" said  ',
    "`a 'b",
  ])
})

test("QQP's rows that end before their label are left out and counted; no other task's are", async () => {
  const header = 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate'
  write('train.tsv', header, '0\t1\t2\ta\tb\t0', '1\t1\t2\ta')
  write('dev.tsv', header, '0\t1\t2\tc\td\t1')
  const notes: string[] = []
  const { splits } = await open('qqp', root, (text) => notes.push(text))
  expect(Object.values(splits).flat()).toHaveLength(2)
  expect(notes).toEqual([`${join(root, 'train.tsv')}: 1 row ends before its label and is left out`])
})

describe('a bad file is named by line and field', () => {
  const rte = 'index\tsentence1\tsentence2\tlabel'
  const sts = 'sentence1\tsentence2\tscore'
  test.each<[string, string, readonly string[], string]>([
    [
      'a label of another task',
      'cola',
      [cola('a'), cola('b', '2')],
      'line 2: "label" is "2", not one of 0, 1',
    ],
    ['no label', 'cola', [cola('a', '')], 'line 1: "label" is "", not one of 0, 1'],
    [
      'a tab in a text',
      'cola',
      [cola('a\tb')],
      "line 1: it has 5 fields between tabs, where CoLA's rows have 4",
    ],
    ['an empty line', 'cola', [cola('a'), '', cola('b')], 'line 2: it has 1 field between tabs'],
    [
      'a class that is none',
      'rte',
      [rte, '0\ta\tb\tneutral'],
      'line 2: "label" is "neutral", not one of entailment, not_entailment',
    ],
    [
      'a row cut short',
      'rte',
      [rte, '0\ta\tb'],
      "line 2: it has 3 fields between tabs, where RTE's rows have 4",
    ],
    [
      'another header',
      'rte',
      ['index\tpremise\tsentence2\tlabel'],
      'line 1: no column is named "sentence1": RTE\'s rows are under a header with "label", "sentence1", "sentence2"',
    ],
    ['a score beyond 5', 'stsb', [sts, 'a\tb\t5.5'], 'line 2: "label" is "5.5", not a number from 0 to 5'],
    ['a score in words', 'stsb', [sts, 'a\tb\tfive'], 'line 2: "label" is "five", not a number from 0 to 5'],
    ['nothing', 'cola', [], "is empty: put CoLA's rows there"],
  ])('%s', async (_, task, lines, message) => {
    write('train.tsv', ...lines)
    await expect(open(task)).rejects.toThrow(`${join(root, 'train.tsv')} ${message}`)
  })

  test('a file that is missing, or no text', async () => {
    write('train.tsv', cola('a'))
    await expect(open('cola')).rejects.toThrow(`${join(root, 'dev.tsv')} is missing`)
    writeFileSync(join(root, 'dev.tsv'), Uint8Array.of(0xff, 0xfe, 9))
    await expect(open('cola')).rejects.toThrow(`${join(root, 'dev.tsv')} is not UTF-8 text`)
  })
})

const [realCola, realRte] = [shared('data', 'glue', 'CoLA'), shared('data', 'glue', 'RTE')]

test.skipIf(!existsSync(realCola))('the real files have the published sizes', async () => {
  const sizes = async (task: string, path: string) =>
    Object.values((await open(task, path)).splits).map(({ length }) => length)
  expect(await sizes('cola', realCola)).toEqual([8551, 521, 522])
  expect(await sizes('rte', realRte)).toEqual([2490, 138, 139])
  const { train, test } = (await open('rte', realRte)).splits
  expect(train.filter(({ label }) => label === 0)).toHaveLength(1249)
  expect(test![0]!.index).toBe(152)
})
