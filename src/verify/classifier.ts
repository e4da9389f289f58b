/** A case of a classifier over an encoder in training. */
import { UserError } from '../base/index.js'
import { float32, type Tensors } from '../runtime/index.js'
import { encoderFeeds } from '../training/index.js'
import { checkInputs, readBatch } from './batch.js'
import { type RecordedCase, readValues } from './case.js'
import { readModel } from './model.js'
import { NotSupported } from './notSupported.js'
import { observedGraph, observedValues, wantedNames } from './observe.js'
import type { Subject } from './run.js'
import { readTask } from './task.js'
import type { TrainSettings } from './train.js'

/** @throws {NotSupported} what the case asks for and the program doesn't have */
export function readClassifierSubject(recorded: RecordedCase, { accumulate }: TrainSettings): Subject {
  const model = readModel(recorded)
  readTask(recorded)
  checkInputs(recorded, ['input_ids', 'attention_mask', 'labels'])
  if (accumulate !== 1) throw new NotSupported('a classifier with accumulation')
  const { batch } = readBatch(recorded, model)
  const labels = labelFeeds(recorded, batch.batch)
  return {
    built: observedGraph(model.spec, wantedNames(recorded)),
    parts: 1,
    feeds: () => ({
      ...encoderFeeds(batch),
      ...labels(),
      lossWeights: float32([batch.batch], new Float32Array(batch.batch).fill(1 / batch.batch)),
    }),
    observe: observedValues,
  }
}

/** Classes, or numbers where one is predicted. */
function labelFeeds({ inputs }: RecordedCase, batch: number): () => Tensors {
  const { shape, data } = readValues(inputs, 'labels')
  if (String(shape) !== String([batch]))
    throw new UserError(`in/labels is (${shape.join(', ')}): give one a row`)
  return () => ({ labelValues: float32([batch], Float32Array.from(data, Number)) })
}
