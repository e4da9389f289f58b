/** A case's model in training: what steps need, put together from the parts that training uses. */
import { type BuiltGraph, gradientName } from '../models/index.js'
import { nativeRuntime, type Tensors } from '../runtime/index.js'
import {
  type Accumulator,
  clippingScale,
  createAccumulator,
  createNorm,
  type GradientNorm,
  type Optimizer,
  optimizers,
  type ParameterStore,
} from '../training/index.js'
import type { RecordedCase } from './case.js'
import type { VerifyContext } from './kind.js'
import { openParameters } from './parameters.js'
import { type CaseSession, openCaseSession } from './precision.js'
import type { TrainSettings } from './train.js'
import type { Values } from './values.js'

/** What is trained: a model's gradient graph, and what it is fed with. */
export interface Subject {
  readonly built: BuiltGraph
  /** Parts that a step's batch is cut into. */
  readonly parts: number
  /** Inputs of a part but for the parameters, made anew. */
  feeds(part: number, step: number): Tensors
  /** Gathers what a case wants to see of the first part of step 0, beside its loss and gradients. */
  observe(outputs: Tensors, values: Map<string, Values>): void
}

export interface CaseRun extends Subject {
  readonly recorded: RecordedCase
  readonly settings: TrainSettings
  readonly store: ParameterStore
  /** Trained parameters that the loss doesn't depend on. */
  readonly without: ReadonlySet<string>
  readonly session: CaseSession
  readonly optimizer: Optimizer
  readonly norm: GradientNorm
  readonly accumulator: Accumulator
}

/** @throws {NotSupported} what the case asks for and the program doesn't have */
export async function openRun(
  recorded: RecordedCase,
  subject: Subject,
  settings: TrainSettings,
  context: VerifyContext,
): Promise<CaseRun> {
  const { built } = subject
  const store = openParameters(built.parameters, recorded.weights, settings.decays)
  const names = [...store.parameters.keys()]
  const session = await openCaseSession(built, recorded, context)
  const { name, options } = settings.optimizer
  const { threads } = context
  const runtime = { runtime: nativeRuntime, ...(threads ? { threads } : {}) }
  return {
    ...{ ...subject, recorded, settings, store, session },
    without: new Set(names.filter((parameter) => !built.graph.outputs.has(gradientName(parameter)))),
    optimizer: await optimizers.get(name).create(store, options, runtime),
    norm: await createNorm(store, runtime),
    accumulator: await createAccumulator(store, runtime),
  }
}

export function closeRun({ session, optimizer, norm, accumulator, store }: CaseRun): void {
  for (const resource of [session, optimizer, norm, accumulator]) resource.close()
  store.release()
}

/**
 * A step's gradients into the store.
 *
 * @param onFirst sees the outputs of the first part, which are released afterwards
 * @returns the step's loss
 */
export async function backward(
  run: CaseRun,
  step: number,
  onFirst?: (outputs: Tensors) => void,
): Promise<number> {
  const { parts, accumulator, without } = run
  let total = 0
  for (let i = 0; i < parts; i++) {
    if (i > 0) await accumulator.keep(without)
    const outputs = await runPart(run, i, step)
    if (i > 0) await accumulator.add(without)
    total += outputs.loss!.floats[0]!
    if (i === 0) onFirst?.(outputs)
    for (const [name, tensor] of Object.entries(outputs)) if (!isGradient(name)) tensor.release()
  }
  return total
}

const isGradient = (name: string) => name.startsWith(gradientName(''))

async function runPart(run: CaseRun, part: number, step: number): Promise<Tensors> {
  const { session, store, without } = run
  const given = run.feeds(part, step)
  const parameters = [...store.parameters.values()]
  const feeds = { ...given, ...Object.fromEntries(parameters.map(({ name, value }) => [name, value])) }
  const reached = parameters.filter(({ name }) => !without.has(name))
  const fetches = Object.fromEntries(reached.map(({ name, gradient }) => [gradientName(name), gradient]))
  try {
    return await session.run(feeds, fetches)
  } finally {
    for (const tensor of Object.values(given)) tensor.release()
  }
}

/** What an update did to the gradients. */
export interface Clipping {
  /** Global norm before clipping. */
  readonly norm: number
  /** Factor of every gradient. */
  readonly scale: number
}

export async function clip({ norm, without, settings }: CaseRun): Promise<Clipping> {
  const measured = await norm.measure(without)
  return { norm: measured, scale: clippingScale(measured, settings.maxGradNorm) }
}

export async function update(
  { optimizer, store, settings, without }: CaseRun,
  learningRate: number,
  { scale }: Clipping,
): Promise<void> {
  await optimizer.step({ learningRate, gradientScale: scale, without })
  for (const [name, [low, high]] of settings.clamps) {
    const values = store.parameters.get(name)?.value.floats
    values?.set(values.map((value) => Math.min(high, Math.max(low, value))))
  }
}
