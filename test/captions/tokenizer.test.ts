/** The tokenizer on what users write; recorded texts are in `vl-lst verify`. */
import { tokenize } from 'coco-caption-eval-js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const tokensOf = (caption: string) => tokenize([caption], 'separate').captions[0]

describe('captions become', () => {
  test.each([
    ['A man rides a horse.', 'a man rides a horse'],
    ["the horse's dogs can't", "the horse 's dogs ca n't"],
    ['a state-of-the-art, black/white TV', 'a state-of-the-art black/white tv'],
    ['(x) costs US$5', '-lrb- x -rrb- costs us$ 5'],
    ['1 1/2 cups', '1\u00a01/2 cups'],
    ['A man.A dog', 'a man.a dog'],
    ['a 😀 face', 'a face'],
    ['!?', '!?'],
    ['', ''],
    [' \n ', ''],
  ])('%j → %j', (caption, tokens) => {
    expect(tokensOf(caption)).toBe(tokens)
  })
})

test('what follows on the next line is seen, unless each caption stands alone', () => {
  const captions = ['plan B.', 'The cat']
  expect(tokenize(captions).captions).toEqual(['plan b', 'the cat'])
  expect(tokenize(captions, 'separate').captions).toEqual(['plan b.', 'the cat'])
})

test('a line separator inside a caption shifts the official lines, and no separate ones', () => {
  const captions = ['a cat\u2028on a mat', 'a dog']
  expect(tokenize(captions)).toEqual({ captions: ['a cat', 'on a mat'], lines: 3 })
  expect(tokenize(captions, 'separate').captions).toEqual(['a cat on a mat', 'a dog'])
})

test('any text has tokens: a hundred thousand of any characters, and of those that rules are about', () => {
  const signs = [...'<>&;\'"`.,:-_/\\()[]{}@#$%!?=~^ \t\n\r\u00ad\u2028\u2019\u00e9aAnNtsSuUdD019']
  const near = fc.string({
    unit: fc.constantFrom(...signs, '&amp;', 'U.S.', "n't", 'http://'),
    maxLength: 24,
  })
  const any = fc.string({ unit: 'binary', maxLength: 24 })
  const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 })
  const halves = units.map((list) => String.fromCharCode(...list))
  const batch = fc.array(fc.oneof(near, any, halves), { minLength: 100, maxLength: 100 })
  fc.assert(
    fc.property(batch, (captions) => {
      for (const line of tokenize(captions, 'separate').captions) expect(line).not.toContain('\n')
      expect(tokenize(captions).captions.length).toBeLessThanOrEqual(captions.length)
    }),
    { numRuns: 1000, seed: 17 },
  )
})
