/** A case's model in training: what steps need, put together from the parts that training uses. */
import { float32, nativeRuntime, type Tensors } from '../runtime/index.js'
import {
  type Accumulator,
  type BuiltGraph,
  batchFeeds,
  clippingScale,
  createAccumulator,
  createNorm,
  type GradientNorm,
  gradientName,
  type Optimizer,
  optimizers,
  type ParameterStore,
  scalarFeeds,
} from '../training/index.js'
import { type CaseBatch, checkInputs, readParts } from './batch.js'
import type { RecordedCase } from './case.js'
import type { VerifyContext } from './kind.js'
import { type CaseModel, readModel } from './model.js'
import { observedGraph } from './observe.js'
import { openParameters } from './parameters.js'
import { type CaseSession, openCaseSession } from './precision.js'
import { type CaseTask, readTask } from './task.js'
import { readTrain, type TrainSettings } from './train.js'

export interface CaseRun extends CaseModel {
  readonly recorded: RecordedCase
  readonly task: CaseTask
  readonly settings: TrainSettings
  readonly built: BuiltGraph
  /** A step's batch. */
  readonly parts: readonly CaseBatch[]
  readonly store: ParameterStore
  /** Trained parameters that the loss doesn't depend on. */
  readonly without: ReadonlySet<string>
  readonly session: CaseSession
  readonly optimizer: Optimizer
  readonly norm: GradientNorm
  readonly accumulator: Accumulator
}

/** @throws {NotSupported} what the case asks for and the program doesn't have */
export async function openRun(recorded: RecordedCase, context: VerifyContext): Promise<CaseRun> {
  const model = readModel(recorded)
  const task = readTask(recorded)
  const settings = readTrain(recorded)
  checkInputs(recorded)
  const parts = readParts(recorded, model, task, settings.accumulate)
  const built = observedGraph(model.spec, wantedNames(recorded))
  const store = openParameters(built.parameters, recorded.weights, settings.decays)
  const names = [...store.parameters.keys()]
  const session = await openCaseSession(built, recorded, context)
  const { name, options } = settings.optimizer
  const { threads } = context
  const runtime = { runtime: nativeRuntime, ...(threads ? { threads } : {}) }
  return {
    ...{ ...model, recorded, task, settings, built, parts, store, session },
    without: new Set(names.filter((parameter) => !built.graph.outputs.has(gradientName(parameter)))),
    optimizer: await optimizers.get(name).create(store, options, runtime),
    norm: await createNorm(store, runtime),
    accumulator: await createAccumulator(store, runtime),
  }
}

const wantedNames = ({ expected }: RecordedCase): string[] =>
  [...expected.tensors.keys()].flatMap((name) => /^want\/(.+)/.exec(name)?.[1] ?? [])

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
  for (const [i, part] of parts.entries()) {
    if (i > 0) accumulator.keep(without)
    const outputs = await runPart(run, part, step)
    if (i > 0) await accumulator.add(without)
    total += outputs.loss!.floats[0]!
    if (i === 0) onFirst?.(outputs)
    for (const [name, tensor] of Object.entries(outputs)) if (!isGradient(name)) tensor.release()
  }
  return total
}

const isGradient = (name: string) => name.startsWith(gradientName(''))

async function runPart(run: CaseRun, { batch, images }: CaseBatch, step: number): Promise<Tensors> {
  const { session, store, without, settings } = run
  const given = {
    ...batchFeeds(batch, images),
    ...scalarFeeds(scalarsAt(run, step)),
    penaltyWeight: float32([], [1 / (batch.batch * settings.accumulate)]),
  }
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

/** The method's scheduled inputs, which follow the epoch. */
function scalarsAt({ spec, settings }: CaseRun, step: number): Readonly<Record<string, number>> {
  const { steps, stepsPerEpoch, epochs = Math.max(1, Math.ceil(steps / stepsPerEpoch)) } = settings
  return spec.method.schedules?.(spec.options, Math.floor(step / stepsPerEpoch), epochs) ?? {}
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

export function update(
  { optimizer, without }: CaseRun,
  learningRate: number,
  { scale }: Clipping,
): Promise<void> {
  return optimizer.step({ learningRate, gradientScale: scale, without })
}
