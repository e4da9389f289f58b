/** `vl-lst caption-eval` as its users type it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { refusal, refusedHere, run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
const file = (name: string) => join(folder, name)
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(file(name), content)
  return file(name)
}

const results = [
  { image_id: 1, caption: 'a cat sits on the mat' },
  { image_id: 2, caption: 'two dogs run' },
]
const captions = ['a cat sat on a mat', 'the cat is on the mat', 'two dogs are running', 'a bird']
const annotations = {
  images: [{ id: 1 }, { id: 2 }, { id: 3 }],
  annotations: captions.map((caption, i) => ({ id: i, image_id: [1, 1, 2, 3][i], caption })),
}

let [given, truth] = ['', '']
beforeAll(() => {
  given = write('results.json', JSON.stringify(results))
  truth = write('annotations.json', JSON.stringify(annotations))
})

const words = (...more: string[]) => ['caption-eval', given, truth, '--images', 'results', ...more]

test('a table of all metrics; METEOR without its data says how to get it, SPICE is never silently missing', async () => {
  const { code, out, err } = await run(words())
  expect(code).toBe(0)
  expect(out).toMatch(/^2 images\nmetric +score\nBLEU-1 +0\.\d{4}\n/)
  expect(out).toMatch(/^METEOR +not computed$/m)
  expect(out).toMatch(/^SPICE +not computed$/m)
  expect(err).toMatch(/^METEOR is left out: .*paraphrase-en\.gz.* --meteor-data$/m)
  const help = await run(['caption-eval', '--help'])
  expect(help.out.replaceAll(/\s+/g, ' ')).toContain("SPICE needs Stanford's dependency parser")
})

test('--json is one object a line, and --per-image a file of scores', async () => {
  const { code, out, err } = await run(words('--json', '--per-image', file('scores.json')))
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.at(-1)).toMatchObject({ kind: 'result', images: 2, scores: { METEOR: null, SPICE: null } })
  const scores = JSON.parse(readFileSync(file('scores.json'), 'utf8')) as Record<string, number>[]
  expect(scores.map(({ image_id }) => image_id)).toEqual([1, 2])
  expect(scores[0]).toMatchObject({ Bleu_1: expect.any(Number), CIDEr: expect.any(Number) })
})

test('files may be packed, or begin with a byte order mark', async () => {
  const packed = write('packed.json.gz', gzipSync(JSON.stringify(results)))
  const marked = write('marked.json', `\ufeff${JSON.stringify(annotations)}`)
  const plain = await run(words('--quiet'))
  expect(await run(['caption-eval', packed, marked, '--images', 'results', '--quiet'])).toEqual(plain)
})

test('some metrics, captions that stand alone', async () => {
  const { out, err } = await run(words('--metrics', 'ROUGE_L,cider', '--tokenize', 'separate', '--json'))
  expect(err).toBe('')
  const { scores } = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { scores: object }
  expect(scores).toMatchObject({ Bleu_1: null, ROUGE_L: expect.any(Number), CIDEr: expect.any(Number) })
})

describe('is refused:', () => {
  test.each<[string, () => string[], string]>([
    [
      'an annotated image without result',
      () => ['caption-eval', given, truth],
      'FOLDER/results.json: image 3 has no result, but is in FOLDER/annotations.json: add one each, or evaluate only the images that have one with --images results',
    ],
    [
      'files exchanged',
      () => ['caption-eval', truth, given],
      'FOLDER/annotations.json holds annotations: name the results first, then the annotations',
    ],
    [
      'SPICE',
      () => words('--metrics', 'spice'),
      "--metrics spice: SPICE needs Stanford's dependency parser with its trained models, in Java: use pycocoevalcap for it",
    ],
    [
      'another metric',
      () => words('--metrics', 'ruge-l'),
      '--metrics ruge-l: there is no metric "ruge-l"; the nearest is "rouge-l" (all: bleu, meteor, rouge-l, cider)',
    ],
    [
      'METEOR without its data',
      () => words('--metrics', 'meteor', '--cache', folder),
      'METEOR needs its data (LGPL, not part of this package): name the folder of METEOR 1.5, with paraphrase-en.gz and its .jar, by --meteor-data',
    ],
    [
      'no folder of METEOR',
      () => words('--meteor-data', file('nowhere')),
      "FOLDER/nowhere: there is no such folder: name the one of METEOR's data",
    ],
    [
      'gzip cut off',
      () => ['caption-eval', write('cut.gz', gzipSync('[]').subarray(0, 12)), truth],
      'FOLDER/cut.gz is gzip, but cut off or damaged: copy it again',
    ],
    [
      'another encoding',
      () => ['caption-eval', write('latin.json', Uint8Array.of(0x22, 0xe9, 0x22)), truth],
      'FOLDER/latin.json is not UTF-8: write it again as UTF-8',
    ],
    [
      'a caption that is no text',
      () => ['caption-eval', write('number.json', '[{"image_id": 1, "caption": 3}]'), truth],
      'FOLDER/number.json: result 1 (image 1): its "caption" is not a text: write one',
    ],
  ])('%s', async (_, typed, message) => {
    const ended = await refusedHere(typed())
    expect({ ...ended, err: ended.err.replaceAll(folder, 'FOLDER') }).toEqual(refusal(message))
  })
})
