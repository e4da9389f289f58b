/** What a method of fine-tuning is: one file with its options, what it trains, and how the model runs under it. */
import type { z } from 'zod'
import type { Tensor } from '../graph/index.js'
import type { BackboneConfig, BackboneModel, Scope, Sites } from '../models/index.js'

/** The tasks of a run by name, for methods that add weights a task. */
export interface TaskNames {
  /** Whose batch this graph is for. */
  readonly task: string
  /** All of the run, in order; `task` is one of them. */
  readonly tasks: readonly string[]
}

/** What decides how a model is built. */
export interface MethodSetting<O> extends TaskNames {
  readonly config: BackboneConfig
  readonly options: O
}

/** What a method's functions are given. */
export interface MethodContext<O> extends MethodSetting<O> {
  readonly root: Scope
  readonly model: BackboneModel
  /** Value of each of the method's own inputs, by name. */
  readonly inputs: Readonly<Record<string, Tensor>>
  /** Only the last position's logits are wanted: [batch, 1, vocabulary]. */
  readonly lastOnly?: boolean
  /** Sees intermediate values by the names of the recorded cases. */
  readonly trace?: (name: string, value: Tensor) => void
}

export interface EncoderInputs {
  /** int64 [batch, text] */
  readonly inputIds: Tensor
  /** int64 [batch, text]: 1 where a token stands, 0 where padding does. */
  readonly attentionMask: Tensor
  /** [batch, positions, d]: pictures as rows of the backbone's width, where the task has them. */
  readonly visual?: Tensor
}

/** What the decoder needs of the encoder, by name; prediction carries it from one graph to the next. */
export type EncoderState = Readonly<Record<string, Tensor>>

export interface DecoderOutput {
  /** [batch, target, vocabulary], or of the last position alone */
  readonly logits: Tensor
  /** A further loss [], summed over the batch, that is divided by the number of samples. */
  readonly penalty?: Tensor
  /** Factor of the labels' loss; 1 by default. */
  readonly labelFactor?: number
}

/** How PEFT, the Python library, saves what a method trains. */
export interface PeftForm {
  /** The linear layer that a weight changes, and the weight's name there; none where PEFT has no place for it. */
  placeOf(name: string): { readonly layer: string; readonly weight: string } | undefined
  /** Fields of `adapter_config.json` for an adapter of these layers. */
  fields(layers: readonly string[]): Readonly<Record<string, unknown>>
  /**
   * Adds the update to a layer's own weight, in place.
   *
   * @param weight [out, in]
   * @param valuesOf the layer's weights of the method, by their names there
   */
  addTo(weight: Float32Array, valuesOf: (weight: string) => Float32Array): void
}

export interface Method<O = unknown> {
  readonly name: string
  readonly summary: string
  /** Names, defaults and limits of its options. */
  readonly options: z.ZodType<O>
  /** Whether the parameter of this name is trained. */
  trains(name: string, options: O, config: BackboneConfig): boolean
  /**
   * What it changes inside the backbone.
   *
   * @throws {UserError} options that this backbone can't have
   */
  sites?(setting: MethodSetting<O>): Sites
  /** Present: what it trains inside linear layers has a place in PEFT's files, and can be added into the backbone. */
  peft?(setting: MethodSetting<O>): PeftForm
  encode(inputs: EncoderInputs, context: MethodContext<O>): EncoderState
  /** @param decoderInputIds int64 [batch, target] */
  decode(state: EncoderState, decoderInputIds: Tensor, context: MethodContext<O>): DecoderOutput
  /** The encoder's states [batch, text, d] that a classifier reads, where the method can have one. */
  classified?(state: EncoderState, context: MethodContext<O>): Tensor
  /**
   * Scalars that the method is fed with, by name, as they stand in an epoch (from 0) of `epochs`.
   */
  schedules?(options: O, epoch: number, epochs: number): Readonly<Record<string, number>>
}

/** Keeps the options' type inside a row while the registry holds rows of all kinds. */
export function defineMethod<O>(method: Method<O>): Method {
  return method as unknown as Method
}

/**
 * Weights that a method adds: one set under the first task's name, or one a task.
 *
 * @param make makes the weights under a task's name
 * @returns those of the batch's task; the others are made too, and get no gradient
 */
export function weightsOfTask<T>({ task, tasks }: TaskNames, perTask: boolean, make: (name: string) => T): T {
  const [first = task] = tasks
  return perTask ? new Map(tasks.map((name) => [name, make(name)])).get(task)! : make(first)
}
