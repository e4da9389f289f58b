/**
 * What a data set is, whatever its files look like: samples by split, and the pictures they name.
 * Tasks read these types; nothing here knows a task or a model.
 */

/** A question about a picture (VQA v2, easy-VQA; GQA's questions have the same shape). */
export interface VqaSample {
  /** As the official files have it: a number in VQA, a string in GQA; written to submissions unchanged. */
  readonly questionId: string | number
  /** A picture of the data set's `pictures`. */
  readonly imageId: string
  readonly question: string
  /** Answer → score in 0 … 1; empty when no answer is good enough; absent where answers are secret. */
  readonly label?: ReadonlyMap<string, number> | undefined
  /** What kind of answer is wanted: VQA's `yes/no`, `number`, `other`. */
  readonly answerType?: string | undefined
  /** What kind of question it is: VQA's first words ("what is this"), easy-VQA's yes/no, shape, colour. */
  readonly questionType?: string | undefined
  /** What each annotator said, as it was typed (ten in VQA). */
  readonly answers?: readonly string[] | undefined
  /** VQA only: whether the best answer is among the 3129 frequent ones. */
  readonly isTopkOptimal?: boolean | undefined
}

/** Texts with a label (GLUE). */
export interface TextSample {
  /** The row's number in its file, from 0. */
  readonly index: number
  /** By their names: `sentence`, or `sentence1` and `sentence2`, … */
  readonly texts: Readonly<Record<string, string>>
  /** The number of a class, or a score; absent where labels are secret. */
  readonly label?: number
}

/** Any sample: NLVR2's pairs and captions join here. */
export type Sample = VqaSample | TextSample

/** Encoded picture files by id; nothing is decoded here. */
export interface PictureSource {
  has(id: string): boolean
  /** What an error message calls the picture: its file, or its archive and member. */
  where(id: string): string
  /**
   * @returns the file's bytes (PNG, JPEG, …)
   * @throws {UserError} no picture of this id, or its file can't be read
   */
  read(id: string): Promise<Uint8Array>
}

/** Samples by split. A split that the files lack is absent; `train` and `validation` never are. */
export interface Splits<S extends Sample = Sample> {
  readonly train: readonly S[]
  readonly validation: readonly S[]
  readonly [split: string]: readonly S[]
}

/** A data set that was checked as a whole: every field has its type, every picture id its picture. */
export interface DataSet<S extends Sample = Sample> {
  /** The layout it was read from. */
  readonly name: string
  readonly splits: Splits<S>
  /** Absent where samples are text alone. */
  readonly pictures?: PictureSource
}

export interface ReadOptions {
  /** Name of the task that the samples are for, one of the layout's. */
  readonly task: string
  /** For layouts that draw a subset; what is held out for validation never depends on it. */
  readonly seed: number
  /** Validate on whole official files, where a layout would test on a part of them. */
  readonly official?: boolean
  /** Where what is made once is kept; the platform's cache folder by default. */
  readonly cache?: string
  readonly onNote?: (text: string) => void
  /** Ends long work. */
  readonly signal?: AbortSignal
  /** Told while something long is done: what, how much of it, of how much. */
  readonly onProgress?: (what: string, done: number, total: number) => void
}

/** One layout of files on disk. */
export interface DataSetReader {
  readonly name: string
  /** Names of the tasks that have their data in it. */
  readonly tasks: readonly string[]
  /** The files it wants, as a message lists them. */
  readonly layout: string
  /** Whether the path looks like this layout; the files themselves may still be bad. */
  recognises(path: string): boolean
  /** @throws {UserError} the first thing that is wrong, by file, row and field */
  read(path: string, options: ReadOptions): Promise<DataSet>
}
