/** What a run tells while it runs; only the command line prints. */
import type { ScoreRow } from '../metrics/index.js'
import type { TrainConfig } from './config.js'

export type TrainEvent =
  | {
      readonly kind: 'start'
      readonly folder: string
      readonly config: TrainConfig
      readonly trained: number
      readonly parameters: number
      readonly samples: Readonly<Record<string, number>>
      readonly totalSteps: number
      /** The step that a resumed run goes on from; 0 in a new one. */
      readonly step: number
    }
  | ({ readonly kind: 'step' } & StepRecord)
  /** Something long before the first step: `drawing scenes`, `looking at pictures`. */
  | { readonly kind: 'preparing'; readonly what: string; readonly done: number; readonly total: number }
  | {
      readonly kind: 'evaluating'
      readonly split: string
      /** What is answered: `question` */
      readonly noun: string
      readonly done: number
      readonly total: number
    }
  | {
      readonly kind: 'evaluation'
      readonly split: string
      readonly step: number
      readonly rows: readonly ScoreRow[]
      /** Whether this is the best score so far. */
      readonly best: boolean
    }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly path: string }
  /** Something worth a line: a slower way, a cut text, a file that is written once. */
  | { readonly kind: 'note'; readonly text: string }

/** One line of `metrics.jsonl`. */
export interface StepRecord {
  /** Optimizer steps done. */
  readonly step: number
  readonly epoch: number
  readonly loss: number
  readonly learningRate: number
  readonly gradientNorm: number
  readonly samplesPerSecond: number
  readonly secondsLeft: number
  /** Most resident memory of the process so far. */
  readonly peakBytes: number
}

export interface TrainResult {
  readonly folder: string
  /** `finished`, or `interrupted` after the state was saved. */
  readonly outcome: 'finished' | 'interrupted'
  readonly step: number
  /** Scores of each split that was evaluated with the best checkpoint. */
  readonly scores: Readonly<Record<string, readonly ScoreRow[]>>
}

export type Report = (event: TrainEvent) => void
