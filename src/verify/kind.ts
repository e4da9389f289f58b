/** What a kind of case is, for those who add one. */
import type { RecordedCase, Tolerance } from './case.js'
import type { Values } from './values.js'

/** What a case's graph is computed in. */
export type Precision = 'float32' | 'float64'

export interface VerifyContext {
  /** Threads of one operator (all cores by default). */
  readonly threads?: number
  /** By default as the case needs it. */
  readonly precision?: Precision
  /** Folder for what can be made again; default: the user's. */
  readonly cache?: string
}

/** One expected value of a case without tensors, and what the program makes of the same inputs. */
export interface Check {
  /** Where it stands in `case.json`. */
  readonly name: string
  readonly want: unknown
  readonly got: unknown
  /** Where a value is measured rather than returned. */
  readonly tolerance?: Tolerance
}

export interface Computed {
  /** By the names of the expected values; there may be more of them than a case expects. */
  readonly values?: ReadonlyMap<string, Values>
  readonly checks?: readonly Check[]
  /** What the model ran in, where there is one. */
  readonly precision?: Precision
  /** What is wrong beside values, a sentence each. */
  readonly faults?: readonly string[]
}

/** A row of the table of kinds. */
export interface Kind {
  readonly name: string
  /**
   * Expected values never enter: only their names and shapes say what to compute.
   *
   * @throws {NotSupported} what the case asks for and the program doesn't have
   */
  compute(recorded: RecordedCase, context: VerifyContext): Promise<Computed>
}
