import type { Sample } from '../../datasets/index.js'
import type { Random } from '../base/index.js'
import type { ScoreRow } from '../metrics/index.js'
import type { LossWeighting } from './lossWeights.js'

/** What a sample is trained to say, and how much it counts. */
export interface Target {
  readonly text: string
  /** 0 … 1 */
  readonly score: number
}

/** What the encoder reads of a sample: a text, or two that belong together. */
export interface Source {
  readonly text: string
  readonly pair?: string
}

/** How a classifier answers in place of words. */
export interface Classes<S extends Sample = Sample> {
  /** How many there are; 1: a number is predicted. */
  readonly labels: number
  /** The sample's texts as they are: no prompt, no words before them. */
  source(sample: S): Source
  /** The number of its class, or its number; 0 where that is secret. */
  label(sample: S): number
  /** @param logits [labels] */
  answer(logits: Float32Array): string
}

/** What someone asks a trained run, by the options of `predict`. */
export interface Asked {
  /** Files. */
  readonly images: readonly string[]
  readonly question?: string
  readonly texts: readonly string[]
}

/**
 * A task: how a sample becomes text, pictures and a target, how its loss is weighted, how answers are
 * decoded and scored. One file and one line in `index.ts`; no task is named elsewhere but in tables.
 */
export interface Task<S extends Sample = Sample> {
  readonly name: string
  readonly summary: string
  /** Which of the paper's two code bases has it: that one's settings are its preset. */
  readonly variant: 'vision' | 'text'
  /** What a sample's text is called when samples are counted. */
  readonly noun: string
  /** Stands before the sample's text, with nothing between. */
  readonly prompt: string
  /** In tokens, special ones included; longer texts are cut. */
  readonly maxInputLength: number
  /** Targets are cut there: at so many tokens, special ones included, or at the longest of these texts. */
  readonly longestTarget: number | readonly string[]
  readonly lossWeighting: LossWeighting
  /** How answers are generated; the length counts the start token. */
  readonly decode: { readonly beams: number; readonly maxLength: number }
  /** The sample's text, without the prompt. */
  text(sample: S): string
  /** Ids of its pictures, in order; absent in tasks about text alone. */
  pictures?(sample: S): readonly string[]
  /** @param random what a draw depends on, where a sample has several targets */
  target(sample: S, random: Random): Target
  /**
   * The table of results, overall first; empty where the samples have no answers to compare with.
   *
   * @param answers one a sample, in the same order
   */
  score(samples: readonly S[], answers: readonly string[]): ScoreRow[]
  /** The official submission file of these answers, byte for byte. */
  submission(samples: readonly S[], answers: readonly string[]): Uint8Array
  /**
   * Samples of what someone asks.
   *
   * @throws {UserError} something is missing or too much, by its option
   */
  samplesOf(asked: Asked): readonly S[]
  /** What an answer means; itself by default. */
  inWords?(answer: string): string
  /** Options of `predict` as they may be typed. */
  readonly askedLike: readonly string[]
  /** Absent: answers are words. */
  readonly classes?: Classes<S>
  /** This task under `--head classify`; absent: there is no such thing. */
  readonly classified?: Task<S> & { readonly classes: Classes<S> }
}
