/** What is said about texts that a model will not see whole. */
import { expect, test } from 'vitest'
import type { Sample } from '../../datasets/index.js'
import { tasks } from '../../src/tasks/index.js'
import type { Tokenizer } from '../../src/text/index.js'
import { textNotes } from '../../src/training/textNotes.js'

const unknown = 2
const known = ['vqa:', 'is', 'this', 'red', 'yes']

/** A word a token; 1 ends. */
const tokenizer = {
  encode: (text: string, { maxLength = 99 } = {}) => [
    ...text
      .split(' ')
      .slice(0, maxLength - 1)
      .map((word) => (known.includes(word) ? 3 : unknown)),
    1,
  ],
  idOf: (token: string) => (token === '<unk>' ? unknown : undefined),
} as Tokenizer

const notesOf = (...asked: readonly (readonly [question: string, answer: string])[]) =>
  textNotes(
    tasks.get('vqa'),
    asked.map(
      ([question, answer], questionId): Sample => ({
        ...{ questionId, imageId: 'a', question },
        label: new Map([[answer, 1]]),
      }),
    ),
    tokenizer,
  )

/** The task allows 20 tokens: the prompt, 18 words and the end. */
const words = (count: number) => new Array(count).fill('red').join(' ')

test('nothing is said of texts that fit', () => {
  expect(notesOf([words(18), 'yes'], ['is this red', words(9)])).toEqual([])
})

test('texts that are cut are counted', () => {
  expect(notesOf([words(19), 'yes'], [words(18), words(10)], [words(30), words(11)])).toEqual([
    '2 of 3 questions are longer than 20 tokens and are cut',
    '2 of 3 answers are longer than 10 tokens and are cut',
  ])
  expect(notesOf([words(19), 'yes'])).toEqual(['the question is longer than 20 tokens and is cut'])
})

test('words without pieces are counted once, in questions and answers', () => {
  const rest = "signs that the vocabulary can't spell: the model can't read or write them"
  expect(notesOf(['is this 寿司', 'yes'], ['is 寿司', 'сыр'])).toEqual([
    `2 words, such as "寿司", have ${rest}`,
  ])
  expect(notesOf(['寿司', 'yes'])).toEqual([`"寿司" has ${rest}`])
})
