import { describe, expect, test } from 'vitest'
import { float32, int64, type Session, type Tensors } from '../../src/runtime/index.js'
import { generateGreedy } from '../../src/training/generate.js'

const [startId, eosId, padId] = [7, 1, 0]
const vocabulary = 9

/**
 * A decoder that says the tokens of a script: `script[row][place]`. It gives that token and the one behind it the
 * same logit.
 */
function decoding(script: readonly (readonly number[])[]) {
  const seen: number[][] = []
  const decoder: Pick<Session, 'run'> = {
    run: async ({ decoderInputIds, state }: Tensors) => {
      const [rows, length] = decoderInputIds!.shape as [number, number]
      seen.push(Array.from(decoderInputIds!.data as BigInt64Array, Number))
      expect(state!.floats[0]).toBe(5)
      const logits = new Float32Array(rows * vocabulary)
      for (let row = 0; row < rows; row++) {
        const token = script[row]![length - 1]!
        logits[row * vocabulary + token] = 1
        logits[row * vocabulary + token + 1] = 1
      }
      return { logits: float32([rows, vocabulary], logits) }
    },
  }
  const encoder: Pick<Session, 'run'> = { run: async () => ({ state: float32([1], [5]) }) }
  const inputs = { inputIds: int64([script.length, 1], new BigInt64Array(script.length)) }
  return {
    seen,
    run: (maxLength: number) =>
      generateGreedy({ encoder, decoder }, inputs, { maxLength, startId, eosId, padId }),
  }
}

const rowsOf = ({ ids, width }: { ids: BigInt64Array; width: number }) =>
  Array.from({ length: ids.length / width }, (_, row) =>
    Array.from(ids.subarray(row * width, (row + 1) * width), Number),
  )

test('takes the first of equal logits, ends at the end id, fills with padding', async () => {
  const { run, seen } = decoding([
    [3, 1, 4],
    [5, 6, 1],
  ])
  const generated = await run(20)
  expect(rowsOf(generated)).toEqual([
    [7, 3, 1, 0],
    [7, 5, 6, 1],
  ])
  expect(seen).toEqual([
    [7, 7],
    [7, 3, 7, 5],
    [7, 3, 1, 7, 5, 6],
  ])
  expect(generated.firstLogits).toHaveLength(2 * vocabulary)
})

describe('the length counts the start id', () => {
  const script = [[3, 4, 5, 6]]
  test.each([
    [1, [[7]]],
    [2, [[7, 3]]],
    [4, [[7, 3, 4, 5]]],
  ])('%i', async (maxLength, rows) => {
    const generated = await decoding(script).run(maxLength)
    expect(rowsOf(generated)).toEqual(rows)
    expect(generated.width).toBe(maxLength)
    expect(generated.firstLogits === undefined).toBe(maxLength === 1)
  })
})

test('a start id that is the end id does not end a row', async () => {
  const decoder = { run: async () => ({ logits: float32([1, 3], [0, 0, 1]) }) }
  const encoder = { run: async () => ({}) }
  const inputs = { inputIds: int64([1, 1], BigInt64Array.of(2n)) }
  const options = { maxLength: 3, startId: eosId, eosId, padId }
  expect(rowsOf(await generateGreedy({ encoder, decoder }, inputs, options))).toEqual([[eosId, 2, 2]])
})

test('inputs stay usable, the state of the encoder is released', async () => {
  const state = float32([1], [5])
  const inputs = { inputIds: int64([1, 1], BigInt64Array.of(2n)) }
  await generateGreedy(
    {
      encoder: { run: async () => ({ state }) },
      decoder: { run: async () => ({ logits: float32([1, 2], [0, 1]) }) },
    },
    inputs,
    { maxLength: 4, startId, eosId, padId },
  )
  expect(state.released).toBe(true)
  expect(inputs.inputIds.released).toBe(false)
})
