import fc from 'fast-check'
import { expect, test } from 'vitest'
import { whereJsonStops } from '../../datasets/jsonStop.js'

test.each([
  ['[[1, 2],\n [3,, 4]]', { line: 2, column: 5, row: 1 }],
  ['[{"a": 1}, {"b" 2}]', { line: 1, column: 17, row: 1 }],
  ['[{"a": 1}, {b: 2}]', { line: 1, column: 13, row: 1 }],
  ['[1, 2,]', { line: 1, column: 7, row: 2 }],
  ['[1] x', { line: 1, column: 5, row: 0 }],
  ['[1, "cut', { line: 1, column: 5, row: 1 }],
  ['[1}', { line: 1, column: 3, row: 0 }],
  ['["\\u00e9\\n\u0085", "\\x"]', { line: 1, column: 15, row: 1 }],
  ['[TRUE]', { line: 1, column: 2, row: 0 }],
])('%j', (text, stop) => {
  expect(whereJsonStops(text)).toEqual(stop)
})

test('it goes through to the end of every JSON text', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const lines = text.split('\n')
      const { line, column } = whereJsonStops(text)
      expect([line, column]).toEqual([lines.length, lines.at(-1)!.length + 1])
    }),
  )
})
