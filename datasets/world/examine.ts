/** Questions and answers about the scenes of a split, balanced so that the question alone says little. */
import { Random } from '../../src/base/index.js'
import type { WorldSplit } from './attributes.js'
import { noun, plainVoice, pluralOf, richVoice, tellApart, type Voice, type VoiceOf } from './language.js'
import { type Asked, type QuestionKind, questionKinds, speakable } from './questions.js'
import { rareWords } from './rareWords.js'
import type { Scene } from './scene.js'

export interface WorldQuestion {
  readonly kind: QuestionKind
  readonly question: string
  /** The same question in the plainest words, without what leads astray. */
  readonly plain: string
  readonly answer: string
  /** What ten annotators said. */
  readonly answers: readonly string[]
}

/** How often each answer of a kind was right so far. */
export type Balance = Map<string, number>

/** Candidates of which the one with the rarest answer is asked. */
const candidates = 6
const tries = 40

/**
 * @param balance goes on from scene to scene of a split
 * @param voiceOf how the questions are worded
 */
export function questionsAbout(
  scene: Scene,
  split: WorldSplit,
  howMany: number,
  balance: Balance,
  voiceOf: VoiceOf = richVoice,
): WorldQuestion[] {
  const random = new Random(scene.seed, 2)
  const asked: WorldQuestion[] = []
  for (let i = 0; i < tries && asked.length < howMany; i++) {
    const kind = random.weighted(questionKinds, ({ weight }) => weight)!
    const question = rarest(scene, split, kind, random, balance)
    if (!question || asked.some(({ plain }) => plain === question.say(plainVoice))) continue
    const said = worded(scene, split, kind, question, random, voiceOf(random, split))
    if (!said) continue
    const key = keyOf(kind, question)
    balance.set(key, (balance.get(key) ?? 0) + 1)
    asked.push(said)
  }
  return asked
}

const keyOf = ({ name }: QuestionKind, { answer }: Asked) => `${name}: ${answer}`

function rarest(
  scene: Scene,
  split: WorldSplit,
  kind: QuestionKind,
  random: Random,
  balance: Balance,
): Asked | undefined {
  const found = Array.from({ length: candidates }, () => kind.ask(scene, split, random)).filter(
    (asked) => asked !== undefined,
  )
  const frequency = (asked: Asked) => balance.get(keyOf(kind, asked)) ?? 0
  return found.reduce<Asked | undefined>(
    (best, asked) => (best === undefined || frequency(asked) < frequency(best) ? asked : best),
    undefined,
  )
}

/** Share of the questions that speak first of something else. */
const distractedShare = 0.15
/** Words and signs of a question: with the prompt they are less than the 20 tokens that the paper's tasks read. */
const longest = 17
/** Pieces of a rare word at most, and of several; any other word is one. */
const rarePieces = new Map(rareWords.flatMap((word) => [[word, 4] as const, [pluralOf(word), 6] as const]))

/** @returns `undefined` where the question is too long */
function worded(
  scene: Scene,
  split: WorldSplit,
  kind: QuestionKind,
  asked: Asked,
  random: Random,
  voice: Voice,
): WorldQuestion | undefined {
  const question = asked.say(voice)
  const distractor = random.uniform() < distractedShare ? besides(scene, split, voice, random) : ''
  const ways = [`${distractor}${question}`, question]
  const fitting = ways.find((way) => lengthOf(way) <= longest)
  return fitting === undefined
    ? undefined
    : {
        ...{ kind, question: fitting, plain: asked.say(plainVoice) },
        ...{ answer: asked.answer, answers: annotators(asked, random) },
      }
}

function lengthOf(text: string): number {
  const words = text.split(/ |(?=[?.:,])/)
  return words.reduce((sum, word) => sum + (rarePieces.get(word) ?? 1), 0)
}

/** A clause that has nothing to do with the answer. */
function besides(scene: Scene, split: WorldSplit, voice: Voice, random: Random): string {
  const thing = random.pick(scene.things)
  const description = tellApart(scene, thing, [], random)
  if (!description || !speakable(description, split)) return ''
  const what = `the ${noun(description, voice)}`
  return voice.pick([`i like ${what}. `, `you see ${what}. `, `look past ${what}: `])
}

const annotatorCount = 10
const disagreeingShare = 0.25

/** Mostly ten times the answer; some pictures lead up to two of ten astray. */
function annotators({ answer, others }: Asked, random: Random): string[] {
  const astray = random.uniform() < disagreeingShare ? 1 + random.integer(2) : 0
  return Array.from({ length: annotatorCount }, (_, i) => (i < astray ? random.pick(others) : answer))
}
