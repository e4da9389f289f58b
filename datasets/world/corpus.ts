/**
 * What the built-in models are trained on: scenes that are in no split of the built-in world, described, asked about
 * and answered. Everything is a function of a number.
 */
import { Random } from '../../src/base/index.js'
import { listing } from './captions.js'
import { questionsAbout } from './examine.js'
import { plainVoice, richVoice, type Voice, type VoiceOf, variedVoice } from './language.js'
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

/** The kinds of documents about questions, and how they are mixed. */
const kinds: readonly {
  readonly share: number
  readonly make: (scene: Scene, random: Random, voiceOf: VoiceOf) => Passage[]
}[] = [
  { share: 0.5, make: paraphrase },
  { share: 0.35, make: answered },
  { share: 0.15, make: described },
]

/** Share of the documents that say what every word means. */
const retoldShare = 0.3

export function corpusDocument(index: number): readonly Passage[] {
  const scene = corpusScene(index)
  const random = new Random(scene.seed, 7)
  return random.uniform() < retoldShare ? retold(scene, random) : questioned(scene, richVoice)
}

/** @param voiceOf how the question is worded */
function questioned(scene: Scene, voiceOf: VoiceOf): readonly Passage[] {
  const random = new Random(scene.seed, 3)
  return random.weighted(kinds, ({ share }) => share)!.make(scene, random, voiceOf)
}

const rareWhenRetold = 0.8

/** A scene in rare words, and the same in the plainest. */
function retold(scene: Scene, random: Random): Passage[] {
  const told = (voice: Voice) => listing(scene, voice, new Random(scene.seed, 8))
  return [
    { text: `${told(richVoice(random, 'pretrain', rareWhenRetold))}.`, hide: 0 },
    { text: `${told(plainVoice)}.`, hide: 1 },
  ]
}

const ask = (scene: Scene, voiceOf: VoiceOf, howMany = 1) =>
  questionsAbout(scene, 'pretrain', howMany, new Map(), voiceOf)

/** A question and the same in the plainest words. */
function paraphrase(scene: Scene, random: Random, voiceOf: VoiceOf): Passage[] {
  const [asked] = ask(scene, voiceOf)
  if (!asked) return described(scene, random)
  return [
    { text: `vqa: ${asked.question}`, hide: random.uniform() < 0.3 ? 0.15 : 0 },
    { text: asked.plain, hide: 1 },
  ]
}

/** A question, a scene in words, and the answer. */
function answered(scene: Scene, random: Random, voiceOf: VoiceOf): Passage[] {
  const [asked] = ask(scene, voiceOf)
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

/** Texts in common words, all of which a tokenizer for the world has to have. */
export function* corpusTexts(documents: number): Generator<string> {
  for (let index = 0; index < documents; index++) {
    const scene = corpusScene(index)
    for (const { text } of questioned(scene, variedVoice)) yield text
    for (const { answer, plain } of ask(scene, variedVoice, 2)) {
      yield answer
      yield plain
    }
  }
}
