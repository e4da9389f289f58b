/** A case of a backbone in training, with or without pictures: a language model's loss. */
import { architectureOf } from '../models/index.js'
import { float32, type Tensors } from '../runtime/index.js'
import { ignoredLabel } from '../tasks/index.js'
import { batchFeeds, type ModelSpec, scalarFeeds } from '../training/index.js'
import { checkInputs, readParts } from './batch.js'
import type { RecordedCase } from './case.js'
import { readModel } from './model.js'
import { observedGraph, observedValues, wantedNames } from './observe.js'
import type { Subject } from './run.js'
import { type CaseTask, readTask } from './task.js'
import type { TrainSettings } from './train.js'
import { floats, integers, numbersOf, type Values } from './values.js'

/** @throws {NotSupported} what the case asks for and the program doesn't have */
export function readSeq2SeqSubject(recorded: RecordedCase, settings: TrainSettings): Subject {
  const model = readModel(recorded)
  const task = readTask(recorded)
  checkInputs(recorded)
  const parts = readParts(recorded, model, task, settings.accumulate)
  return {
    built: observedGraph(model.spec, wantedNames(recorded)),
    parts: parts.length,
    feeds(part, step) {
      const { batch, images } = parts[part]!
      return {
        ...batchFeeds(batch, images),
        ...scalarFeeds(scalarsAt(model.spec, settings, step)),
        penaltyWeight: float32([], [1 / (batch.batch * settings.accumulate)]),
      }
    },
    observe: (outputs, values) => observe(model.spec, task, parts[0]!.batch.labels, outputs, values),
  }
}

/** The method's scheduled inputs, which follow the epoch. */
function scalarsAt(spec: ModelSpec, settings: TrainSettings, step: number): Readonly<Record<string, number>> {
  const { steps, stepsPerEpoch, epochs = Math.max(1, Math.ceil(steps / stepsPerEpoch)) } = settings
  return spec.method.schedules?.(spec.options, Math.floor(step / stepsPerEpoch), epochs) ?? {}
}

function observe(
  { config }: ModelSpec,
  task: CaseTask,
  labels: BigInt64Array,
  outputs: Tensors,
  values: Map<string, Values>,
): void {
  observedValues(outputs, values)
  const tokenLoss = values.get('want/token_loss')
  if (tokenLoss) values.set('want/token_loss', withoutIgnored(tokenLoss, labels))
  const logits = values.get('want/logits')
  const { trueId, falseId } = task
  if (logits && trueId !== undefined && falseId !== undefined)
    values.set('want/pred_ans_id', truths(logits, architectureOf(config).answerPlace, trueId, falseId))
}

/** 0 where a label has no loss. */
function withoutIgnored(losses: Values, labels: BigInt64Array): Values {
  const counts = (i: number) => Number(labels[i]) !== ignoredLabel
  return floats(
    losses.shape,
    numbersOf(losses).map((loss, i) => (counts(i) ? loss : 0)),
  )
}

/** 1 where a sample's answer says true rather than false. */
function truths({ shape, data }: Values, place: number, trueId: number, falseId: number): Values {
  const [batch = 0, target = 0, vocabulary = 0] = shape
  const answers = Array.from({ length: batch }, (_, sample) => {
    const first = (sample * target + place) * vocabulary
    return data[first + trueId]! > data[first + falseId]! ? 1 : 0
  })
  return integers([batch], answers)
}
