import { expect, test } from 'vitest'
import { arrangeNodes } from '../../src/graph/arrange.js'
import { concat, graphOf, input, lower, mul } from '../../src/graph/index.js'

test('nodes that nobody reads go to the end in reverse, the others keep their order', () => {
  const node = (name: string, ...inputs: string[]) => ({ type: 'Add', inputs, outputs: [name] })
  const nodes = [node('h', 'x'), node('gradient2', 'h'), node('dh', 'h'), node('gradient1', 'dh')]
  expect(arrangeNodes(nodes).map(({ outputs }) => outputs[0])).toEqual(['h', 'dh', 'gradient1', 'gradient2'])
})

test('the model says the shape of what lies between, sums of named sizes too', () => {
  const both = concat([input('a', ['text', 3]), input('b', ['boxes', 3])], 0)
  const [sum] = both.shape
  const bytes = Buffer.from(lower(graphOf({ y: mul(mul(both, 2), 3) })))
  expect(bytes.toString('latin1').split(String(sum)).length - 1).toBe(3) // concat, product, output
})
