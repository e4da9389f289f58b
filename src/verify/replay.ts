/** Runs a case's steps as training does, and gathers what the case wants to see of them. */
import { ignoredLabel } from '../../vl/tasks/index.js'
import type { Tensors } from '../runtime/index.js'
import { gradientName } from '../training/index.js'
import { type RecordedCase, readValues } from './case.js'
import { trainingFaults } from './faults.js'
import type { Computed, VerifyContext } from './kind.js'
import { precisionOf } from './precision.js'
import { backward, type CaseRun, type Clipping, clip, closeRun, openRun, update } from './run.js'
import { copyOf, floats, integers, numbersOf, type Values, vector } from './values.js'

/**
 * Of step 0 the loss, gradients and intermediate values; losses, rates and norms of every step; the parameters after
 * the last. Without steps: step 0 alone, and nothing is updated.
 */
export async function replay(recorded: RecordedCase, context: VerifyContext): Promise<Computed> {
  const run = await openRun(recorded, context)
  try {
    const values = new Map<string, Values>()
    const loss = await backward(run, 0, (outputs) => observe(run, outputs, values))
    values.set('want/loss', floats([], [loss]))
    const clipping = await clip(run)
    addGradients(run, clipping, values)
    if (run.settings.steps > 0) await trainOn(run, loss, clipping, values)
    return { values, precision: precisionOf(recorded, context), faults: trainingFaults(run) }
  } finally {
    closeRun(run)
  }
}

/** The updates of all steps; gradients of step 0 are in the store. */
async function trainOn(run: CaseRun, loss: number, clipping: Clipping, values: Map<string, Values>) {
  const { steps, rateAt } = run.settings
  const rates = Array.from({ length: steps }, (_, step) => rateAt(step))
  const [losses, norms] = [[loss], [clipping.norm]]
  await update(run, rates[0]!, clipping)
  for (const [step, rate] of [...rates.entries()].slice(1)) {
    losses.push(await backward(run, step))
    const clipped = await clip(run)
    norms.push(clipped.norm)
    await update(run, rate, clipped)
  }
  const series = { losses, lr: rates, lrs: rates, grad_norm: norms, grad_norms: norms }
  for (const [name, numbers] of Object.entries(series)) values.set(`want/${name}`, vector(numbers))
  for (const { name } of run.built.parameters) values.set(`after/${name}`, valueNow(run, name))
}

/** A parameter as it is now; frozen ones are mapped read-only and are what they were. */
function valueNow({ store, recorded }: CaseRun, name: string): Values {
  const parameter = store.parameters.get(name)
  return parameter ? copyOf(parameter.value) : readValues(recorded.weights, name)
}

/** The cases of the vision code hold gradients after clipping, which it does in place; the others before. */
function addGradients(
  { recorded, store, without }: CaseRun,
  { scale }: Clipping,
  values: Map<string, Values>,
) {
  const factor = recorded.json.method?.variant === 'vision' ? scale : 1
  for (const { name, gradient } of store.parameters.values()) {
    if (without.has(name)) continue
    const scaled = gradient.floats.map((value) => value * factor)
    values.set(gradientName(name), floats(gradient.shape, scaled))
  }
}

/** The intermediate values of the first part of the batch. */
function observe({ task, parts }: CaseRun, outputs: Tensors, values: Map<string, Values>): void {
  for (const [name, tensor] of Object.entries(outputs))
    if (name.startsWith('want/')) values.set(name, copyOf(tensor))
  const tokenLoss = values.get('want/token_loss')
  if (tokenLoss) values.set('want/token_loss', withoutIgnored(tokenLoss, parts[0]!.batch.labels))
  const logits = values.get('want/logits')
  const { trueId, falseId } = task
  if (logits && trueId !== undefined && falseId !== undefined)
    values.set('want/pred_ans_id', truths(logits, trueId, falseId))
}

/** 0 where a label has no loss. */
function withoutIgnored(losses: Values, labels: BigInt64Array): Values {
  const counts = (i: number) => Number(labels[i]) !== ignoredLabel
  return floats(
    losses.shape,
    numbersOf(losses).map((loss, i) => (counts(i) ? loss : 0)),
  )
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
