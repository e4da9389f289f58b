/** What PyTorch saved is read as PyTorch reads it: files and values of scripts/make-torch-fixtures.py. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openTorch } from '../../../src/weights/torch/open.js'
import { fixture } from '../../support/torch.js'

interface Row {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly hex: string
}

const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as Record<
  string,
  Record<string, Row>
>

const partsOf: Readonly<Record<string, string>> = { 'parts.pt': 'ema' }

function hex(data: NodeJS.TypedArray): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
}

describe.each(Object.entries(expected))('%s', (name, tensors) => {
  const part = partsOf[name]
  const isScript = name === 'script.pt' // its pickle has buffers before parameters
  const open = () => openTorch(fixture(name), part === undefined ? {} : { part })

  test('has the names, in their order', () => {
    const inOrder = (names: Iterable<string>) => (isScript ? [...names].toSorted() : [...names])
    expect(inOrder(open().tensors.keys())).toEqual(inOrder(Object.keys(tensors)))
  })

  test.each(Object.entries(tensors))('%s', (tensor, { dtype, shape, hex: bytes }) => {
    const file = open()
    expect(file.tensors.get(tensor)).toMatchObject({ dtype, shape })
    expect(hex(file.read(tensor))).toBe(bytes)
  })
})
