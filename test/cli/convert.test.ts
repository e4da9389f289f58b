/** `vl-lst convert`: what is written, what is said, and that nothing is lost. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { convert, openSafetensors } from '../../src/weights/index.js'
import { openTorch } from '../../src/weights/torch/open.js'
import { bytesOf, entriesOf, fixture, op, zipOf } from '../support/torch.js'
import { refusal, refusedHere, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
const nextFolder = (() => {
  let count = 0
  return () => {
    const path = join(folder, String(count++))
    mkdirSync(path)
    return path
  }
})()

function copied(name: string, as = name): string {
  const path = join(nextFolder(), as)
  copyFileSync(fixture(name), path)
  return path
}

test('a file is written beside itself, and the result is one line', async () => {
  const path = copied('dtypes.pt', 'best.pth')
  const output = path.replace('.pth', '.safetensors')
  const { code, out, err } = await run(['convert', path])
  expect({ code, out }).toEqual({ code: 0, out: `${output}: 13 tensors, 0.0 MB\n` })
  expect(err).toBe('tensors: 13\n')
  const [made, given] = [openSafetensors(output), openTorch(path)]
  expect(made.metadata).toEqual({ format: 'pt' })
  expect(new Set(made.tensors.keys())).toEqual(new Set(given.tensors.keys()))
  for (const [name, { dtype, shape }] of made.tensors) {
    expect({ dtype, shape }).toEqual({
      dtype: given.tensors.get(name)!.dtype,
      shape: given.tensors.get(name)!.shape,
    })
    expect(made.read(name)).toEqual(given.read(name))
  }
})

test('tied tensors are kept once, and it is said', async () => {
  const path = copied('tied.pt')
  const { out, err } = await run(['convert', path, '-o', join(folder, 'tied.safetensors'), '--json'])
  const last = JSON.parse(out.trim().split('\n').at(-1)!)
  expect(last).toMatchObject({
    kind: 'result',
    tensors: 2,
    bytes: 48,
    tied: { 'lm_head.weight': 'shared.weight' },
  })
  expect(out).toContain('lm_head.weight is tied to shared.weight, which alone is kept')
  expect(err).toBe('')
  const made = openSafetensors(join(folder, 'tied.safetensors'))
  expect([...made.tensors.keys()].toSorted()).toEqual(['other', 'shared.weight'])
  expect(made.metadata).toEqual({ format: 'pt', 'lm_head.weight': 'shared.weight' })
})

test('one of several sets of tensors', async () => {
  const path = copied('parts.pt')
  expect(await refusedHere(['convert', path])).toEqual(
    refusal(
      `${path}: holds several sets of tensors, "model" (1 tensors), "ema" (1 tensors): ` +
        'take one out with vl-lst convert FILE --part NAME',
    ),
  )
  const { err } = await run(['convert', path, '--part', 'ema'])
  expect(err).toContain('from its part "ema"')
  expect(openSafetensors(path.replace('.pt', '.safetensors')).read('a')).toEqual(Float32Array.of(-1, 2))
})

test('a model folder is written whole into another one, shared names and all', () => {
  const [from, to] = [nextFolder(), join(nextFolder(), 'new')]
  copyFileSync(fixture('views.pt'), join(from, 'pytorch_model.bin'))
  for (const name of ['config.json', 'tokenizer.json', 'spiece.model', 'pytorch_model.bin.index.json'])
    writeFileSync(join(from, name), name)
  const { output, tensors } = convert(from, { output: to })
  expect(output).toBe(join(to, 'model.safetensors'))
  expect(tensors).toBe(openSafetensors(output).tensors.size)
  expect(readdirSync(to).toSorted()).toEqual([
    'config.json',
    'model.safetensors',
    'spiece.model',
    'tokenizer.json',
  ])
  expect(readFileSync(join(to, 'spiece.model'), 'utf8')).toBe('spiece.model')
  expect(openSafetensors(output).read('transposed')).toEqual(
    openTorch(fixture('views.pt')).read('transposed'),
  )
  expect(() => convert(from, { part: 'model' })).toThrow(/--part model: .* is a folder: name a file in it/)
})

describe('nothing is lost', () => {
  test('what is there stays, unless it may be replaced', async () => {
    const path = copied('plain.pt')
    const output = path.replace('.pt', '.safetensors')
    writeFileSync(output, 'mine')
    expect(await refusedHere(['convert', path])).toEqual(
      refusal(`${output}: is there already: name another place with --output, or add --overwrite`),
    )
    expect(readFileSync(output, 'utf8')).toBe('mine')
    expect(convert(path, { overwrite: true }).output).toBe(output)
    expect(openSafetensors(output).tensors.size).toBe(2)
  })

  test('a tensor that turns out damaged leaves nothing behind, and what was there', async () => {
    const bytes = readFileSync(fixture('plain.pt'))
    const at = bytes.indexOf(Buffer.from(Float32Array.of(-2, 1, 4, 0, 3, -1).buffer))
    bytes[at] = 1
    const path = join(nextFolder(), 'bad.pt')
    const output = path.replace('.pt', '.safetensors')
    writeFileSync(path, bytes)
    writeFileSync(output, 'mine')
    const { code, err } = await run(['convert', path, '--overwrite', '--quiet'])
    expect({ code, err }).toEqual({
      code: 1,
      err: `vl-lst: ${path}: the checksum of storage "0" is wrong: download it again\n`,
    })
    expect(readFileSync(output, 'utf8')).toBe('mine')
    expect(readdirSync(join(path, '..')).toSorted()).toEqual(['bad.pt', 'bad.safetensors'])
  })
})

describe('is refused in one line', () => {
  test('a checkpoint that asks for a command, which is not run', async () => {
    const cwd = nextFolder()
    const call = [op.global('os', 'system'), op.mark, op.text('touch PWNED'), op.tuple, op.reduce]
    writeFileSync(join(cwd, 'evil.bin'), zipOf(entriesOf([bytesOf(call)])))
    expect(await run(['convert', 'evil.bin'], cwd)).toEqual(
      refusal(
        'evil.bin: asks for os.system, which weights have no need for, so nothing of it was run: ' +
          'save its state_dict() alone, with torch.save or as safetensors',
      ),
    )
    expect(existsSync(join(cwd, 'PWNED'))).toBe(false)
    expect(readdirSync(cwd)).toEqual(['evil.bin'])
  })

  test('what is not there, or no checkpoint, or a folder without one', async () => {
    const empty = nextFolder()
    const told = async (path: string) => (await refusedHere(['convert', path])).err
    expect(await told(join(empty, 'none'))).toContain('there is no such file or folder')
    expect(await told(empty)).toContain('has no pytorch_model.bin: download or save it there')
    expect(await told(fixture('expected.json'))).toContain("is no checkpoint of PyTorch's")
  })
})
