/** What a parent and its workers say to one another. */
import type { Device } from '../../runtime/index.js'
import type { TrainConfig } from '../config.js'
import type { TrainEvent, TrainResult } from '../events.js'
import type { ToldError } from './toldError.js'

/** What a worker is told first. */
export interface Orders {
  readonly kind: 'train'
  readonly rank: number
  readonly size: number
  readonly device: Device
  /** How many descriptors of what they share it inherits. */
  readonly shared: number
  /** Where the configuration names no number of threads. */
  readonly threads: number
  readonly config: TrainConfig
  readonly options: {
    readonly output?: string
    readonly resume?: string
    readonly cache: string
    readonly command: string
  }
}

/** `stop`: end after the step that is under way. */
export type ToWorker = Orders | { readonly kind: 'stop' }

export type FromWorker =
  | { readonly kind: 'event'; readonly event: TrainEvent }
  | { readonly kind: 'done'; readonly result: TrainResult }
  /** It was told to stop before there was anything to save. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: ToldError }
