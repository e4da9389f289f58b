/** METEOR's stages on tables of a few words; with the real ones they are compared in `vl-lst verify`. */
import { compactMeteor, Meteor, stem } from 'coco-caption-eval-js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { originalSources, tinySources, tinyTables } from './tinyMeteor.js'

const compare = (hypothesis: string, ...references: string[]) =>
  new Meteor(tinyTables()).segment({ hypothesis, references })

const matchersOf = (hypothesis: string, reference: string) =>
  compare(hypothesis, reference).alignment.map(({ matcher }) => matcher)

describe('words match by stage', () => {
  test.each([
    ['a cat', 'cat', [0]],
    ['jumping', 'jumped', [1]],
    ['he ran', 'run', [2]],
    ['kitten', 'cat', [3]],
    ['it is on', 'sits on', [3]],
    ['bird', 'cat', []],
  ])('%s ~ %s', (hypothesis, reference, matchers) => {
    expect(matchersOf(hypothesis, reference)).toEqual(matchers)
  })
})

test('the first of the best references counts, and ||| makes two of one', () => {
  expect(compare('a cat', 'bird', 'a cat', 'a cat').reference).toBe(1)
  expect(compare('a cat', 'bird ||| a cat').reference).toBe(1)
})

test('among many references the best one is found, as if each were compared alone', () => {
  const words = 'a the cat kitten small dog run ran jumping jumped sits it is on'.split(' ')
  const random = fc.array(fc.constantFrom(...words), { maxLength: 9 }).map((line) => line.join(' '))
  fc.assert(
    fc.property(random, fc.array(random, { minLength: 1, maxLength: 6 }), (hypothesis, references) => {
      const scores = references.map((reference) => compare(hypothesis, reference).score)
      const { score, reference } = compare(hypothesis, ...references)
      expect([score, reference]).toEqual([Math.max(...scores), scores.indexOf(Math.max(...scores))])
    }),
    { numRuns: 500, seed: 1 },
  )
})

test('thousands of words are told apart', () => {
  const words = Array.from({ length: 5000 }, (_, i) => `w${i}`)
  const { alignment } = compare(words.join(' '), 'w4999 w7 w2048')
  const exact = 0
  expect(alignment.map(({ begin, matcher }) => [begin, matcher])).toEqual([
    [4999, exact],
    [7, exact],
    [2048, exact],
  ])
})

test('nothing is worth nothing', () => {
  expect(compare('', 'a cat').score).toBe(0)
  expect(compare('a cat', '').score).toBe(0)
  expect(compare('', '').score).toBe(0)
})

test("METEOR's own files make the same tables as those with a line a source", () => {
  expect(compactMeteor(originalSources)).toEqual(compactMeteor(tinySources))
})

test.each([
  ['paraphrases', 'cat\nkitten\n', 'ends in the middle'],
  ['paraphrases', 'a b c d e f g h\tcat\n', 'a phrase of 8 words'],
  ['synsets', 'cat\n', 'end in the middle'],
] as const)('%s that are %j are refused', (part, text, message) => {
  const sources = { ...tinySources, [part]: new TextEncoder().encode(text) }
  expect(() => compactMeteor(sources)).toThrow(message)
})

test('stems are those of the older algorithm', () => {
  expect(['added', 'evening', 'organize', 'skies', 'Yes'].map(stem)).toEqual([
    'ad',
    'even',
    'organ',
    'sky',
    'Yes',
  ])
})
