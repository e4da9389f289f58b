/**
 * What the built-in models are trained on: scenes that are in no split of the built-in world, described, asked about
 * and answered. Everything is a function of a number.
 */
import { Random } from '../../src/base/index.js'
import { listing } from './captions.js'
import { questionsAbout } from './examine.js'
import { variedVoice } from './language.js'
import { makeScene, type Scene } from './scene.js'

/** The world's own seed is another. */
export const corpusSeed = 7

export const corpusScene = (index: number): Scene => makeScene(corpusSeed, 'pretrain', index)

/** A part of a document. */
export interface Passage {
  readonly text: string
  /** What span corruption takes away: 0 nothing, 1 all of it as one span, else that share in random spans. */
  readonly hide: number
}

/** The kinds of documents and how they are mixed. */
const kinds: readonly {
  readonly share: number
  readonly make: (scene: Scene, random: Random) => Passage[]
}[] = [
  { share: 0.5, make: paraphrase },
  { share: 0.35, make: answered },
  { share: 0.15, make: described },
]

export function corpusDocument(index: number): readonly Passage[] {
  const scene = corpusScene(index)
  const random = new Random(scene.seed, 3)
  return random.weighted(kinds, ({ share }) => share)!.make(scene, random)
}

const ask = (scene: Scene, howMany = 1) => questionsAbout(scene, 'pretrain', howMany, new Map())

/** A question and the same in the plainest words. */
function paraphrase(scene: Scene, random: Random): Passage[] {
  const [asked] = ask(scene)
  if (!asked) return described(scene, random)
  return [
    { text: `vqa: ${asked.question}`, hide: random.uniform() < 0.3 ? 0.15 : 0 },
    { text: asked.plain, hide: 1 },
  ]
}

/** A question, a scene in words, and the answer. */
function answered(scene: Scene, random: Random): Passage[] {
  const [asked] = ask(scene)
  if (!asked) return described(scene, random)
  return [
    { text: `vqa: ${asked.question}`, hide: 0 },
    { text: `picture: ${listing(scene, variedVoice(random), random)}.`, hide: 0 },
    { text: 'answer:', hide: 0 },
    { text: asked.answer, hide: 1 },
  ]
}

function described(scene: Scene, random: Random): Passage[] {
  return [{ text: `${listing(scene, variedVoice(random), random)}.`, hide: 0.2 }]
}

/** Texts that a tokenizer for the world has to spell. */
export function* corpusTexts(documents: number): Generator<string> {
  for (let index = 0; index < documents; index++) {
    for (const { text } of corpusDocument(index)) yield text
    for (const { answer, plain } of ask(corpusScene(index), 2)) {
      yield answer
      yield plain
    }
  }
}
