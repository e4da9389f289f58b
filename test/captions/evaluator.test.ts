/** The evaluation as a library: what goes in, what comes out, and what is refused. */
import {
  CaptionEvaluator,
  cocoImages,
  type Evaluation,
  type EvaluationOptions,
  evaluateLists,
  MeteorTables,
  type ScoreName,
} from 'coco-caption-eval-js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tinyTables } from './tinyMeteor.js'

type Image = readonly [id: number | string, hypothesis: string, references: readonly string[]]

function evaluate(images: readonly Image[], options: EvaluationOptions = {}): Evaluation {
  const evaluator = new CaptionEvaluator({ meteor: tinyTables(), ...options })
  for (const image of images) evaluator.add(...image)
  return evaluator.result()
}

const pets: readonly Image[] = [
  [1, 'a cat sits on the mat', ['a cat sat on a mat', 'the cat is on the mat']],
  ['1', 'two dogs run', ['two dogs are running', 'dogs run in a park']],
]

test('every metric has a value of all images and one of each, SPICE none', () => {
  const { overall, perImage, images } = evaluate(pets)
  expect(images).toEqual([1, '1'])
  expect(overall.SPICE).toBeNull()
  for (const [name, score] of Object.entries(overall).filter(([each]) => each !== 'SPICE')) {
    expect(score, name).toBeGreaterThan(0)
    expect(perImage[name as ScoreName]).toHaveLength(2)
  }
})

test('without its tables METEOR is not computed, and never silently where it is asked for', () => {
  const evaluator = new CaptionEvaluator()
  evaluator.add(...pets[0]!)
  expect(evaluator.result().overall).toMatchObject({ METEOR: null, CIDEr: 0 })
  expect(() => new CaptionEvaluator({ metrics: ['METEOR'] })).toThrow('METEOR needs its tables')
})

test('words are weighed by another corpus where one is given', () => {
  const corpus = [['a cat'], ['a dog'], ['a bird sings']]
  const one = pets.slice(0, 1)
  expect(evaluate(one).overall.CIDEr).toBe(0) // one image: no word is rare
  expect(evaluate(one, { corpus }).overall.CIDEr).toBeGreaterThan(0)
})

test('_UNK is unknown in targets alone', () => {
  const { tokenized } = evaluateLists(['a _UNK'], ['a _UNK'])
  expect(tokenized).toEqual([{ imageId: 0, hypothesis: 'a _ unk', references: ['a _ unknown'] }])
  expect(() => evaluateLists(['a'], [])).toThrow('1 predictions for 0 targets: give one each')
})

describe('is refused:', () => {
  const add = (...image: unknown[]) => new CaptionEvaluator().add(...(image as unknown as Image))
  test.each([
    ['an image that is added twice', () => evaluate([pets[0]!, pets[0]!]), 'image 1 is added twice'],
    ['a caption that is no text', () => add(1, null, ['a']), 'image 1: its caption is not a text'],
    [
      'references that are no list',
      () => add(1, 'a', 'b'),
      'image 1: its references are not a list of texts',
    ],
    ['no reference', () => add(1, 'a', []), 'image 1 has no reference: add it with one'],
    ['no image', () => evaluate([]), 'there is nothing to evaluate: add an image'],
    ['references without a word', () => evaluate([[1, 'a', ['', ' .']]]), 'no reference has a word'],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message)
  })
})

test('a shifted line is told of', () => {
  const { notes } = evaluate([
    [1, 'a cat\u2028on a mat', ['a cat']],
    [2, 'a dog', ['a dog']],
  ])
  expect(notes).toEqual([expect.stringMatching(/^2 captions make 3 lines: /)])
})

const word = fc.constantFrom(
  'a',
  'cat',
  'dogs',
  'sits',
  'running',
  "n't",
  'U.S.',
  'é',
  '1',
  'on',
  'the',
  'mat',
  '.',
)
const caption = fc.array(word, { maxLength: 9 }).map((words) => words.join(' '))
const image = fc.record({
  hypothesis: caption,
  references: fc.array(caption, { minLength: 1, maxLength: 3 }),
})

test('with captions that stand alone the order of images means nothing', () => {
  const list = fc.array(image, { minLength: 2, maxLength: 8 })
  fc.assert(
    fc.property(list, (images) => {
      const numbered = images.map(
        ({ hypothesis, references }, i): Image => [i, hypothesis, [...references, 'a cat']],
      )
      const options = { tokenization: 'separate' } as const
      const [there, back] = [evaluate(numbered, options), evaluate(numbered.toReversed(), options)]
      for (const name of ['Bleu_4', 'METEOR', 'ROUGE_L', 'CIDEr'] as const) {
        expect(Math.abs(there.overall[name]! - back.overall[name]!)).toBeLessThan(1e-11)
        for (const [i, score] of there.perImage[name]!.entries()) {
          expect(score).not.toBeNaN()
          expect(Math.abs(score - back.perImage[name]!.at(-1 - i)!)).toBeLessThan(1e-11)
        }
      }
    }),
    { numRuns: 300, seed: 17 },
  )
})

test('four words or more that equal their only reference score the maximum', () => {
  const words = fc.array(fc.constantFrom('cat', 'dogs', 'sits', 'running', 'on', 'the', 'mat', 'é'), {
    minLength: 4,
    maxLength: 12,
  })
  fc.assert(
    fc.property(words, (list) => {
      const { overall } = evaluate([[1, list.join(' '), [list.join(' ')]]])
      for (const name of ['Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4', 'METEOR', 'ROUGE_L'] as const)
        expect(Math.abs(overall[name]! - 1), name).toBeLessThan(1e-8)
    }),
    { numRuns: 300, seed: 17 },
  )
})

test('a caption of thousands of different words scores the maximum beside itself', () => {
  const caption = Array.from({ length: 10_000 }, (_, i) => `w${i}`).join(' ')
  const evaluator = new CaptionEvaluator({ metrics: ['BLEU', 'CIDEr'] })
  evaluator.add(1, caption, [caption])
  evaluator.add(2, 'a cat', ['a dog'])
  const { perImage } = evaluator.result()
  expect(perImage.Bleu_4?.[0]).toBeCloseTo(1, 6)
  expect(perImage.CIDEr?.[0]).toBeCloseTo(10, 6)
})

describe('COCO files that are refused', () => {
  const annotations = { images: [{ id: 1 }, { id: 2 }], annotations: [{ image_id: 1, caption: 'a cat' }] }
  const results = [{ image_id: 1, caption: 'a cat' }]
  test.each([
    [annotations, annotations, 'results holds annotations: name the results first'],
    [results, { 1: 'a' }, 'results is not a list of results'],
    [annotations, [], 'results holds no result'],
    [results, results, 'annotations is a list, as results are'],
    [{ annotations: [] }, results, 'annotations has no "images"'],
    [{ images: [{ id: 1 }] }, results, 'annotations has no "annotations"'],
    [{ ...annotations, images: [{}] }, results, 'annotations: image 1 has no "id"'],
    [annotations, [{ image_id: 1, caption: 5 }], 'results: result 1 (image 1): its "caption" is not a text'],
    [annotations, [{ caption: 'a' }], 'results: result 1 has no "image_id"'],
    [
      annotations,
      [{ image_id: '1', caption: 'a' }],
      'image "1" is not among the images of annotations: ids are texts here',
    ],
    [annotations, results, 'image 2 has no result, but is in annotations'],
    [annotations, [...results, ...results], 'image 1 has several results'],
  ])('%j, %j', (given, result, message) => {
    expect(() => cocoImages({ annotations: given, results: result })).toThrow(message)
  })

  test('an image without caption', () => {
    const both = [...results, { image_id: 2, caption: 'a' }]
    expect(() => cocoImages({ annotations, results: both })).toThrow('image 2 has no caption')
    expect(cocoImages({ annotations, results }, 'results')).toEqual([
      { imageId: 1, hypothesis: 'a cat', references: ['a cat'] },
    ])
  })
})

test('tables that are cut off are refused', () => {
  expect(() => new MeteorTables(new Uint8Array(40))).toThrow("METEOR's tables are not whole")
})
