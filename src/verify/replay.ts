/** Runs a case's steps as training does, and gathers what the case wants to see of them. */
import { gradientName } from '../models/index.js'
import { type RecordedCase, readValues } from './case.js'
import { readClassifierSubject } from './classifier.js'
import { readClipSubject } from './clip.js'
import { trainingFaults } from './faults.js'
import type { Computed, VerifyContext } from './kind.js'
import { precisionOf } from './precision.js'
import {
  backward,
  type CaseRun,
  type Clipping,
  clip,
  closeRun,
  openRun,
  type Subject,
  update,
} from './run.js'
import { readSeq2SeqSubject } from './seq2seq.js'
import { readTrain, type TrainSettings } from './train.js'
import { copyOf, floats, type Values, vector } from './values.js'

/**
 * Of step 0 the loss, gradients and intermediate values; losses, rates and norms of every step; the parameters after
 * the last. Without steps: step 0 alone, and nothing is updated.
 */
export async function replay(recorded: RecordedCase, context: VerifyContext): Promise<Computed> {
  const settings = readTrain(recorded)
  const run = await openRun(recorded, readSubject(recorded, settings), settings, context)
  try {
    const values = new Map<string, Values>()
    const loss = await backward(run, 0, (outputs) => run.observe(outputs, values))
    values.set('want/loss', floats([], [loss]))
    const clipping = await clip(run)
    addGradients(run, clipping, values)
    if (run.settings.steps > 0) await trainOn(run, loss, clipping, values)
    return { values, precision: precisionOf(recorded, context), faults: trainingFaults(run) }
  } finally {
    closeRun(run)
  }
}

function readSubject(recorded: RecordedCase, settings: TrainSettings): Subject {
  const { model_type: type, architecture } = recorded.json.model ?? {}
  if (type === 'clip') return readClipSubject(recorded, settings)
  return (architecture === undefined ? readSeq2SeqSubject : readClassifierSubject)(recorded, settings)
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
