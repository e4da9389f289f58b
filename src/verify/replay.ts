/** Runs a case's steps as training does: forward, backward, clipping, optimizer, schedule. */
import { ignoredLabel } from '../../vl/tasks/index.js'
import { float32, nativeRuntime, type Session, type Tensors } from '../runtime/index.js'
import { batchFeeds, scalarFeeds } from '../training/feeds.js'
import { type BuiltGraph, gradientName } from '../training/graphs.js'
import {
  type Accumulator,
  clippingScale,
  createAccumulator,
  createNorm,
  type GradientNorm,
  type Optimizer,
  optimizers,
} from '../training/optimizers/index.js'
import type { ParameterStore } from '../training/parameters.js'
import { openSession } from '../training/weights.js'
import { type CaseBatch, checkInputs, readParts } from './batch.js'
import { type RecordedCase, readValues } from './case.js'
import type { Computed, VerifyContext } from './kind.js'
import { type CaseModel, readModel } from './model.js'
import { observedGraph } from './observe.js'
import { openParameters } from './parameters.js'
import { type CaseTask, readTask } from './task.js'
import type { TrainSettings } from './train.js'
import { copyOf, floats, integers, numbersOf, type Values, vector } from './values.js'

interface Run extends CaseModel {
  readonly recorded: RecordedCase
  readonly task: CaseTask
  readonly settings: TrainSettings
  readonly built: BuiltGraph
  readonly parts: readonly CaseBatch[]
  readonly store: ParameterStore
  readonly session: Session
  readonly optimizer: Optimizer
  readonly norm: GradientNorm
  readonly accumulator: Accumulator
  /** Trained parameters that the loss doesn't depend on. */
  readonly without: ReadonlySet<string>
}

/**
 * All values that the case expects and the program has: of step 0 those of one forward and backward, the losses,
 * rates and norms of every step, the parameters after the last.
 */
export async function replay(
  recorded: RecordedCase,
  settings: TrainSettings,
  context: VerifyContext,
): Promise<Computed> {
  const run = await openRun(recorded, settings, context)
  try {
    const values = new Map<string, Values>()
    const [losses, rates, norms]: [number[], number[], number[]] = [[], [], []]
    for (let step = 0; step < Math.max(1, settings.steps); step++) {
      const loss = await backward(run, step, step === 0 ? values : undefined)
      if (settings.steps === 0) break
      losses.push(loss)
      rates.push(settings.rateAt(step))
      norms.push(await update(run, settings.rateAt(step)))
    }
    for (const [name, numbers] of Object.entries({
      losses,
      lr: rates,
      lrs: rates,
      grad_norm: norms,
      grad_norms: norms,
    }))
      values.set(`want/${name}`, vector(numbers))
    for (const { name } of run.built.parameters) values.set(`after/${name}`, valueNow(run, name))
    return { values, faults: faultsOf(run) }
  } finally {
    close(run)
  }
}

async function openRun(
  recorded: RecordedCase,
  settings: TrainSettings,
  { threads }: VerifyContext,
): Promise<Run> {
  const model = readModel(recorded)
  const task = readTask(recorded)
  checkInputs(recorded)
  const parts = readParts(recorded, model, task, settings.accumulate)
  const built = observedGraph(model.spec, wantedNames(recorded))
  const store = openParameters(built.parameters, recorded.weights, settings.decays)
  const context = { runtime: nativeRuntime, ...(threads ? { threads } : {}) }
  const { name, options } = settings.optimizer
  const names = [...store.parameters.keys()]
  return {
    ...{ ...model, recorded, task, settings, built, parts, store },
    session: await openSession(built, recorded.weights, context),
    optimizer: await optimizers.get(name).create(store, options, context),
    norm: await createNorm(store, context),
    accumulator: await createAccumulator(store, context),
    without: new Set(names.filter((parameter) => !built.graph.outputs.has(gradientName(parameter)))),
  }
}

function close({ session, optimizer, norm, accumulator, store }: Run): void {
  for (const resource of [session, optimizer, norm, accumulator]) resource.close()
  store.release()
}

const wantedNames = ({ expected }: RecordedCase): string[] =>
  [...expected.tensors.keys()].flatMap((name) => /^want\/(.+)/.exec(name)?.[1] ?? [])

/**
 * Gradients of a step into the store.
 *
 * @param values takes loss, gradients and what else the case wants to see of this step
 * @returns the step's loss
 */
async function backward(run: Run, step: number, values: Map<string, Values> | undefined): Promise<number> {
  const { parts, accumulator, without, store } = run
  let total = 0
  for (const [i, part] of parts.entries()) {
    if (i > 0) accumulator.keep(without)
    const outputs = await runPart(run, part, step)
    if (i > 0) await accumulator.add(without)
    total += outputs.loss!.floats[0]!
    if (i === 0 && values) observe(run, part, outputs, values)
    for (const [name, tensor] of Object.entries(outputs)) if (!name.startsWith('grad/')) tensor.release()
  }
  if (values) {
    values.set('want/loss', floats([], [total]))
    for (const { name, gradient } of store.parameters.values())
      if (!without.has(name)) values.set(gradientName(name), copyOf(gradient))
  }
  return total
}

async function runPart(run: Run, { batch, images }: CaseBatch, step: number): Promise<Tensors> {
  const { session, store, without, settings, spec } = run
  const epoch = Math.floor(step / settings.stepsPerEpoch)
  const epochs = settings.epochs ?? Math.max(1, Math.ceil(settings.steps / settings.stepsPerEpoch))
  const given = {
    ...batchFeeds(batch, images),
    ...scalarFeeds(spec.method.schedules?.(spec.options, epoch, epochs) ?? {}),
    penaltyWeight: float32([], [1 / (batch.batch * settings.accumulate)]),
  }
  const parameters = [...store.parameters.values()]
  const feeds = { ...given, ...Object.fromEntries(parameters.map(({ name, value }) => [name, value])) }
  const trained = parameters.filter(({ name }) => !without.has(name))
  const fetches = Object.fromEntries(trained.map(({ name, gradient }) => [gradientName(name), gradient]))
  try {
    return await session.run(feeds, fetches)
  } finally {
    for (const tensor of Object.values(given)) tensor.release()
  }
}

/** The intermediate values of the first part. */
function observe({ task }: Run, { batch }: CaseBatch, outputs: Tensors, values: Map<string, Values>): void {
  for (const [name, tensor] of Object.entries(outputs))
    if (name.startsWith('want/')) values.set(name, copyOf(tensor))
  const tokenLoss = values.get('want/token_loss')
  if (tokenLoss) {
    const counts = (i: number) => Number(batch.labels[i]) !== ignoredLabel
    const masked = numbersOf(tokenLoss).map((loss, i) => (counts(i) ? loss : 0))
    values.set('want/token_loss', floats(tokenLoss.shape, masked))
  }
  const { trueId, falseId } = task
  const logits = values.get('want/logits')
  if (logits && trueId !== undefined && falseId !== undefined)
    values.set('want/pred_ans_id', truths(logits, trueId, falseId))
}

/** 1 where the first place of a sample says true rather than false. */
function truths({ shape, data }: Values, trueId: number, falseId: number): Values {
  const [batch = 0, target = 0, vocabulary = 0] = shape
  const answers = Array.from({ length: batch }, (_, sample) => {
    const first = sample * target * vocabulary
    return data[first + trueId]! > data[first + falseId]! ? 1 : 0
  })
  return integers([batch], answers)
}

async function update({ norm, without, optimizer, settings }: Run, learningRate: number): Promise<number> {
  const measured = await norm.measure(without)
  const gradientScale = clippingScale(measured, settings.maxGradNorm)
  await optimizer.step({ learningRate, gradientScale, without })
  return measured
}

/** A parameter as it is now; frozen ones are mapped read-only and are what they were. */
function valueNow({ store, recorded }: Run, name: string): Values {
  const parameter = store.parameters.get(name)
  return parameter ? copyOf(parameter.value) : readValues(recorded.weights, name)
}

/** What is wrong beside values: which parameters train, and which get no gradient. */
function faultsOf(run: Run): string[] {
  const { recorded, store, without } = run
  const { trained, unused = [], no_grad: noGradient = [] } = recorded.json
  const ours = new Set(store.parameters.keys())
  const theirs = new Set(trained ?? ours)
  const idle = [...unused, ...noGradient]
  return [
    ...describe('should train and does not', theirs, (name) => !ours.has(name)),
    ...describe('trains and should not', ours, (name) => !theirs.has(name)),
    ...describe('has a gradient and should not', idle, (name) => ours.has(name) && !without.has(name)),
    ...describe('changed and should not', idle, (name) => ours.has(name) && !isAsGiven(run, name)),
  ]
}

function describe(fault: string, names: Iterable<string>, isFault: (name: string) => boolean): string[] {
  const [first, ...more] = [...names].filter(isFault)
  if (first === undefined) return []
  return [`${first} ${fault}${more.length > 0 ? ` (and ${more.length} more)` : ''}`]
}

function isAsGiven({ store, recorded }: Run, name: string): boolean {
  const given = recorded.weights.readFloat32(name)
  return store.parameters.get(name)!.value.floats.every((value, i) => Object.is(value, given[i]))
}
