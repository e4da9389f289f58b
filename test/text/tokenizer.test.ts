import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { openTokenizer, padBatch } from '../../src/text/index.js'
import { shared, temporaryFolder } from '../support/weights.js'

interface Case {
  readonly text: string
  readonly ids: number[]
  readonly decoded_skip_special: string
}

interface RecordedModel {
  readonly greedy: { text: string; input_ids: number[]; greedy_ids: number[]; greedy_text: string }[]
  readonly forced: { texts: [string, string][]; input_ids: number[][]; labels: number[][] }
}

function recorded<T>(folder: string): T {
  return JSON.parse(readFileSync(shared(folder, 'recorded.json'), 'utf8')) as T
}

describe('a pair of texts', () => {
  const tokenizer = openTokenizer(shared('data/bart-base'))
  const [start, end] = [0, 2]
  const [first, second] = ['They drank the pub.', 'A dog.'].map((text) => tokenizer.encode(text).slice(1, -1))
  const encode = (maxLength?: number) =>
    tokenizer.encode('They drank the pub.', { pair: 'A dog.', maxLength })

  test('stands as BART wants it', () => {
    expect(encode()).toEqual([start, ...first!, end, end, ...second!, end])
  })

  test('loses what is too much from the longer, and from the second of equal ones', () => {
    const [long, short] = [first!.length, second!.length]
    const cut = (a: number, b: number) => [
      start,
      ...first!.slice(0, a),
      end,
      end,
      ...second!.slice(0, b),
      end,
    ]
    expect(encode(long + short + 3)).toEqual(cut(long - 1, short))
    expect(encode(2 * short + 4)).toEqual(cut(short, short))
    expect(encode(2 * short + 3)).toEqual(cut(short, short - 1))
    expect(encode(5)).toEqual(cut(1, 0))
  })
})

describe("T5's tokenizer gives what was recorded from Hugging Face's", () => {
  const tokenizer = openTokenizer(shared('data/flan-t5-small'))
  const { cases } = recorded<{ cases: Case[] }>('data/flan-t5-small')

  test.each(cases)('$text', ({ text, ids, decoded_skip_special }) => {
    expect(tokenizer.encode(text)).toEqual(ids)
    // Recorded without clean-up; the dots are the only thing that it changes in these texts.
    expect(tokenizer.decode(ids)).toBe(decoded_skip_special.replaceAll(' .', '.'))
  })

  test('a cut text keeps its end token', () => {
    for (const { text, ids } of cases)
      for (const maxLength of [1, 2, 5, ids.length - 1, ids.length, ids.length + 1]) {
        const expected = ids.length <= maxLength ? ids : [...ids.slice(0, Math.max(0, maxLength - 1)), 1]
        expect(tokenizer.encode(text, { maxLength })).toEqual(expected)
      }
  })

  test('ids of tokens, size of the vocabulary', () => {
    expect(tokenizer.idOf('<extra_id_0>')).toBe(32099)
    expect(tokenizer.idOf('</s>')).toBe(1)
    expect(tokenizer.idOf('no such piece')).toBeUndefined()
    expect(tokenizer.vocabularySize).toBe(32100)
  })

  test("ids without a token are left out: the paper's added rows, a label's -100", () => {
    expect(tokenizer.decode([71, 32100, 32199, -100, 1147, 1, 0, 0])).toBe('A step')
    expect(tokenizer.decode([])).toBe('')
    expect(tokenizer.decode([0, 1, 32099])).toBe('')
  })

  test.each([
    ['a . b ? c ! d , e', 'a. b? c! d, e'],
    ["it ' s", "it's"],
    ["do n't I 'm it 's we 've they 're", "don't I'm it's we've they're"],
  ])('clean-up: %s', (text, expected) => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(expected)
  })

  test('any text is encoded to known ids that end with the end token', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const ids = tokenizer.encode(text)
        expect(ids.at(-1)).toBe(1)
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 32100)).toBe(true)
        tokenizer.decode(ids)
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})

test("the small T5's texts and answers are what was recorded", () => {
  const tokenizer = openTokenizer(shared('data/t5-mini'))
  const { greedy, forced } = recorded<RecordedModel>('data/t5-mini')
  for (const { text, input_ids, greedy_ids, greedy_text } of greedy) {
    expect(tokenizer.encode(text)).toEqual(input_ids)
    const expected = greedy_text.replace(/<pad>|<\/s>|<extra_id_\d+>/g, '').replace(/^ /, '')
    expect(tokenizer.decode(greedy_ids)).toBe(expected)
  }
  const inputs = padBatch(
    forced.texts.map(([input]) => tokenizer.encode(input)),
    0,
  )
  expect([...inputs.ids].map(Number)).toEqual(forced.input_ids.flat())
  const labels = padBatch(
    forced.texts.map(([, label]) => tokenizer.encode(label)),
    -100,
  )
  expect([...labels.ids].map(Number)).toEqual(forced.labels.flat())
})

describe('a tokenizer is refused in one line', () => {
  test.each([
    ['that is not JSON', '{\n"model": \n', /is not JSON/],
    ['that is a list', '[]', /is not a tokenizer \(no object\)/],
    ['without added tokens', '{"model": {}}', /is not a tokenizer \(added_tokens\)/],
    [
      'of an unknown model',
      '{"model": {"type": "Other"}, "added_tokens": []}',
      /is not a tokenizer that can be read \(.+\)/,
    ],
  ])('%s', (_, content, message) => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'tokenizer.json'), content)
    expect(() => openTokenizer(folder)).toThrow(message)
    expect(() => openTokenizer(folder)).toThrow(/^[^\n]*tokenizer\.json: [^\n]+: download it again$/)
    expect(() => openTokenizer(folder)).toThrow(UserError)
  })

  test('that is missing, or whose configuration is not JSON', () => {
    const folder = temporaryFolder()
    expect(() => openTokenizer(folder)).toThrow(/has no tokenizer\.json/)
    expect(() => openTokenizer(join(folder, 'none'))).toThrow(/there is no such file or folder/)
    expect(() => openTokenizer(shared('data/t5-mini/config.json/none'))).toThrow(
      /there is no such file or folder/,
    )
    copyFileSync(shared('data/flan-t5-small/tokenizer.json'), join(folder, 'tokenizer.json'))
    expect(openTokenizer(join(folder, 'tokenizer.json')).encode('')).toEqual([1])
    writeFileSync(join(folder, 'tokenizer_config.json'), '{')
    expect(() => openTokenizer(folder)).toThrow(/tokenizer_config\.json: is not JSON/)
  })
})
