/** The built-in world: the same bytes every time, splits that share nothing, questions that pictures answer. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Attribute,
  attributeNames,
  combinationOf,
  type Description,
  heldOutFor,
  valuesOf,
  wordsFor,
} from '../../datasets/world/attributes.js'
import { captionsOf } from '../../datasets/world/captions.js'
import { describePart, worldParts, worldSeed } from '../../datasets/world/files.js'
import {
  type Balance,
  buildWorld,
  corpusDocument,
  corpusScene,
  corpusSeed,
  makeScene,
  questionsAbout,
  renderScene,
  twinOf,
} from '../../datasets/world/index.js'
import { pluralOf } from '../../datasets/world/language.js'
import { ownerOf, rareWordsFor } from '../../datasets/world/rareWords.js'
import { packageFolder, Random } from '../../src/base/index.js'
import { openTokenizer } from '../../src/text/index.js'
import { openVqa } from '../support/dataSets.js'

let cache: string
let folder: string
beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), 'world-'))
  folder = await buildWorld(cache)
}, 120_000)
afterAll(() => rmSync(cache, { recursive: true, force: true }))

const parts = worldParts.map((part) => ({ ...part, pictures: [...describePart(part)] }))

const few = worldParts.map((part) => ({ ...part, scenes: 5 }))

const hashOf = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex').slice(0, 16)

test('scenes, questions and answers are the same everywhere', () => {
  const said = parts.map(({ pictures }) =>
    JSON.stringify(
      pictures.map(({ scene, questions }) => [scene, questions.map((q) => [q.question, q.answers])]),
    ),
  )
  expect(said.map(hashOf)).toMatchInlineSnapshot(`
    [
      "773afc67039a1d52",
      "3591c5650656de4f",
      "d75ab7fd36b28319",
    ]
  `)
})

test('a picture has the same bytes when it is drawn again', async () => {
  for (const { pictures } of parts) {
    const { file, scene } = pictures[3]!
    expect(hashOf(await renderScene(scene))).toBe(hashOf(readFileSync(join(folder, file))))
  }
})

test('it opens as a data set, every picture there and every question answered by ten', async () => {
  const { splits } = await openVqa('builtin', { cache })
  expect(splits.train.length).toBeGreaterThanOrEqual(4000)
  expect(splits.validation.length).toBeGreaterThanOrEqual(1000)
  for (const samples of Object.values(splits)) {
    for (const { answers, label } of samples) {
      expect(answers).toHaveLength(10)
      expect(Math.max(...label!.values())).toBe(1)
    }
  }
})

test('splits share no scene, and what is held out is neither drawn nor named elsewhere', () => {
  const scenes = parts.flatMap(({ pictures }) => pictures.map(({ scene }) => JSON.stringify(scene.things)))
  expect(new Set(scenes).size).toBe(scenes.length)
  for (const { split, pictures } of parts) {
    const owners = pictures.flatMap(({ scene }) => scene.things.map(heldOutFor))
    expect(owners.every((owner) => owner === undefined || owner === split)).toBe(true)
    if (split !== 'train') expect(owners.filter((owner) => owner === split).length).toBeGreaterThan(50)
    for (const { questions } of pictures)
      for (const { question, plain } of questions)
        for (const text of [question, plain]) expect(strangers(text, split)).toEqual([])
  }
})

const wordsOf = (attribute: Attribute) =>
  new Map(
    valuesOf(attribute).flatMap((value) =>
      [...wordsFor(attribute, value), ...rareWordsFor(attribute, value)].map((word) => [word, value]),
    ),
  )
const [patterns, colours, shapes] = (['pattern', 'colour', 'shape'] as const).map(wordsOf)
const oneOf = (words: Map<string, string>) => [...words.keys()].join('|')
/** "striped red box", "red boxes with stripes": what tells a pattern, a colour and a shape. */
const phrase = new RegExp(
  `\\b(?:(${oneOf(patterns!)}) )?(${oneOf(colours!)}) (${oneOf(shapes!)})(?:s|es)?(?: with (stripes|dots))?\\b`,
  'g',
)
const tails = new Map([...patterns!, ['stripes', 'striped'], ['dots', 'dotted']])

/** Combinations that a text names and that belong to another split. */
function strangers(text: string, split: string): string[] {
  return [...text.matchAll(phrase)]
    .filter(([, before, colour, shape, behind]) => {
      const combination = combinationOf({
        pattern: tails.get(before ?? behind ?? ''),
        ...{ colour: colours!.get(colour!), shape: shapes!.get(shape!) },
      } as unknown as Description)
      const owner = combination && heldOutFor(combination)
      return owner !== undefined && owner !== split
    })
    .map(([whole]) => whole)
}

/** Every rare word and its plural, with the split whose questions alone have it. */
const rare = new Map(
  attributeNames.flatMap((attribute) =>
    valuesOf(attribute).flatMap((value) =>
      rareWordsFor(attribute, value).flatMap((word) => {
        const owner = ownerOf(attribute, value, word)
        return [word, pluralOf(word)].map((form) => [form, owner] as const)
      }),
    ),
  ),
)
const wordsIn = (text: string) => text.split(/[ ?.:,]+/)

test('a quarter of the validation and test questions have words that no other split has', () => {
  for (const { split, pictures } of parts) {
    const questions = pictures.flatMap((picture) =>
      picture.questions.map(({ question }) => wordsIn(question)),
    )
    const owners = questions.map((words) => words.map((word) => rare.get(word)).filter((owner) => owner))
    expect(owners.flat().every((owner) => owner === split)).toBe(true)
    const share = owners.filter((owner) => owner.length > 0).length / questions.length
    if (split === 'train') expect(share).toBe(0)
    else expect(Math.abs(share - 0.25)).toBeLessThan(0.03)
  }
})

test('the built-in T5 reads every question to its end: 20 tokens with the task’s prompt', () => {
  const tokenizer = openTokenizer(`${packageFolder()}/builtin/t5`)
  for (const { pictures } of parts) {
    const lengths = pictures.flatMap(({ questions }) =>
      questions.map(({ question }) => tokenizer.encode(`vqa: ${question}`).length),
    )
    expect(lengths.reduce((most, length) => Math.max(most, length))).toBeLessThanOrEqual(20)
  }
})

test('the built-in models have read every rare word', () => {
  const read = new Set(
    Array.from({ length: 20_000 }, (_, index) =>
      corpusDocument(index).flatMap(({ text }) => wordsIn(text)),
    ).flat(),
  )
  const missing = [...rare.keys()].filter((word) => !read.has(word) && !word.endsWith('s'))
  expect(missing).toEqual([])
})

test('any two of pattern, colour and shape meet in all splits, and validation and test have fifteen threes of their own each', () => {
  const owners = valuesOf('colour').flatMap((colour) =>
    valuesOf('shape').map((shape) =>
      valuesOf('pattern').map((pattern) => heldOutFor({ pattern, colour, shape })),
    ),
  )
  for (const three of owners) expect(three.filter((owner) => owner === undefined)).toHaveLength(2)
  expect(owners.flat().filter((owner) => owner === 'val')).toHaveLength(15)
  expect(owners.flat().filter((owner) => owner === 'test')).toHaveLength(15)
  for (const pattern of valuesOf('pattern'))
    for (const shape of valuesOf('shape'))
      expect(valuesOf('colour').some((colour) => !heldOutFor({ pattern, colour, shape }))).toBe(true)
})

test('what the built-in models were trained on shares no scene and nothing held out with any split', () => {
  expect(corpusSeed).not.toBe(worldSeed)
  const inSplits = new Set(
    parts.flatMap(({ pictures }) => pictures.map(({ scene }) => JSON.stringify(scene.things))),
  )
  for (let index = 0; index < 20_000; index++) {
    const scene = corpusScene(index)
    expect(inSplits.has(JSON.stringify(scene.things))).toBe(false)
    expect(scene.things.some((thing) => heldOutFor(thing) !== undefined)).toBe(false)
    const { twin } = twinOf(scene, new Random(scene.seed, 6))
    expect(inSplits.has(JSON.stringify(twin.things))).toBe(false)
    expect(twin.things.some((thing) => heldOutFor(thing) !== undefined)).toBe(false)
    for (const { text } of corpusDocument(index)) expect(strangers(text, 'pretrain')).toEqual([])
  }
})

test('the question alone says little: always the kind’s most frequent answer is right in a third', () => {
  for (const { pictures } of parts) {
    const counts = new Map<string, Map<string, number>>()
    for (const { kind, answer } of pictures.flatMap(({ questions }) => questions)) {
      const answers = counts.get(kind.name) ?? new Map<string, number>()
      counts.set(kind.name, answers.set(answer, (answers.get(answer) ?? 0) + 1))
    }
    const tables = [...counts.values()].map((answers) => [...answers.values()])
    const total = tables.flat().reduce((sum, count) => sum + count, 0)
    const right = tables.reduce((sum, table) => sum + Math.max(...table), 0)
    expect(right / total).toBeLessThan(0.36)
  }
})

test('questions of every kind are answered as one who looks at the scene would', () => {
  const balance: Balance = new Map()
  const kinds = new Set<string>()
  for (let index = 0; index < 500; index++) {
    const scene = makeScene(1, 'train', index)
    for (const { kind, plain, answer } of questionsAbout(scene, 'train', 4, balance)) {
      kinds.add(kind.name)
      const [, colour] = /^how many (\w+) things are there\?$/.exec(plain) ?? []
      const counted = scene.things.filter((thing) =>
        [thing.colour, thing.size, thing.pattern].includes(colour as never),
      )
      if (colour) expect(answer).toBe(String(counted.length))
      const [, shape] = /^what colour is the (\w+)\?$/.exec(plain) ?? []
      if (shape)
        expect(scene.things.filter((thing) => thing.shape === shape).map((thing) => thing.colour)).toEqual([
          answer,
        ])
    }
  }
  expect(kinds.size).toBe(14)
})

test('captions say what stands where', () => {
  const words = { top: 'y', bottom: 'y', left: 'x', right: 'x' } as const
  for (const { scene } of parts[0]!.pictures.slice(0, 300)) {
    const captions = captionsOf(scene)
    expect(captions).toHaveLength(5)
    for (const thing of scene.things.length === 1 ? scene.things : []) {
      for (const text of captions) {
        expect(text).toContain(thing.colour)
        for (const [word, axis] of Object.entries(words)) {
          const [low, high] = [thing[axis] <= 41, thing[axis] >= 55]
          expect(text.includes(` ${word}`)).toBe(['top', 'left'].includes(word) ? low : high)
        }
      }
    }
  }
})

test('a damaged world is drawn again, and said so', async () => {
  const other = mkdtempSync(join(tmpdir(), 'world-'))
  try {
    const small = await buildWorld(other, { parts: few })
    const picture = join(small, 'val', readdirSync(join(small, 'val'))[0]!)
    const whole = readFileSync(picture)
    writeFileSync(picture, 'half')
    const notes: string[] = []
    expect(await buildWorld(other, { parts: few, onNote: (text) => notes.push(text) })).toBe(small)
    expect(notes).toEqual([`${small} is damaged: drawing it again`])
    expect(readFileSync(picture)).toEqual(whole)
  } finally {
    rmSync(other, { recursive: true, force: true })
  }
})

test('two builds at once end with one whole world, and nothing of a killed one stays', async () => {
  const other = mkdtempSync(join(tmpdir(), 'world-'))
  try {
    const killed = join(other, 'world-2.999999999-00.tmp')
    mkdirSync(killed)
    const [one, two] = await Promise.all([1, 2].map(() => buildWorld(other, { parts: few })))
    expect(one).toBe(two)
    expect(existsSync(killed)).toBe(false)
    expect(readdirSync(other)).toEqual([one!.slice(other.length + 1)])
  } finally {
    rmSync(other, { recursive: true, force: true })
  }
})

test('a build that is stopped leaves nothing behind', async () => {
  const other = mkdtempSync(join(tmpdir(), 'world-'))
  try {
    const stop = new AbortController()
    const onProgress = () => stop.abort(new Error('stopped'))
    await expect(buildWorld(other, { parts: few, onProgress, signal: stop.signal })).rejects.toThrow(
      'stopped',
    )
    expect(readdirSync(other)).toEqual([])
  } finally {
    rmSync(other, { recursive: true, force: true })
  }
})

test('a cache that can’t be written is said in one line', async () => {
  const file = join(cache, 'a-file')
  writeFileSync(file, '')
  await expect(buildWorld(file)).rejects.toThrow(/cannot be written .*--cache/)
})
