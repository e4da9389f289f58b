import { z } from 'zod'
import type { Tensors } from '../../runtime/index.js'
import {
  type Decoding,
  decodeGraph,
  encodeGraph,
  encoderFeeds,
  type Generated,
  generateGreedy,
  type ModelSpec,
  modelParameters,
  scalarFeeds,
} from '../../training/index.js'
import { checkInputs, readBatch } from '../batch.js'
import type { RecordedCase } from '../case.js'
import type { Kind, VerifyContext } from '../kind.js'
import { readModel } from '../model.js'
import { NotSupported } from '../notSupported.js'
import { checkOptions, noEffect, only, type Rules, readOptions, to } from '../options.js'
import { openParameters } from '../parameters.js'
import { openCaseSession, precisionOf } from '../precision.js'
import { readTask } from '../task.js'
import { floats, integers, type Values } from '../values.js'

const rules: Rules = {
  num_beams: only(1),
  min_length: only(0),
  no_repeat_ngram_size: only(0),
  repetition_penalty: only(1),
  do_sample: only(false),
  max_length: to('maxLength'),
  decoder_start_token_id: to('startId'),
  pad_token_id: to('padId'),
  eos_token_id: to('eosId'),
  // Of beams alone.
  length_penalty: noEffect,
  early_stopping: noEffect,
  // The same tokens either way.
  use_cache: noEffect,
}

const id = z.int().nonnegative()

/** `want/ids`, and `want/first_logits` of the first place. */
export const generate: Kind = {
  name: 'generate',
  async compute(recorded, context) {
    const model = readModel(recorded)
    const { decoderStartTokenId: startId, padTokenId: padId, eosTokenId: eosId } = model.spec.config
    const schema = z.object({
      maxLength: id.min(1),
      startId: id.default(startId),
      padId: id.default(padId),
      eosId: id.default(eosId),
    })
    const given = readOptions('generate', recorded.json.generate ?? {}, rules)
    const options = checkOptions('generate', given, schema)
    readTask(recorded)
    checkInputs(recorded)
    const { batch, images } = readBatch(recorded, model)
    const inputs = { ...encoderFeeds(batch, images), ...scalarFeeds(scalars(model.spec)) }
    const generated = await decode(recorded, model.spec, context, (sessions, parameters) =>
      generateGreedy(sessions, { ...inputs, ...parameters }, options),
    )
    return { values: valuesOf(generated, batch.batch), precision: precisionOf(recorded, context) }
  },
}

/** A gate on a schedule has no value outside of training. */
function scalars({ method, options }: ModelSpec): Readonly<Record<string, number>> {
  const scheduled = method.schedules?.(options, 0, 1) ?? {}
  if (Object.keys(scheduled).length > 0) throw new NotSupported('decoding with a scheduled gate')
  return scheduled
}

/** Calls `use` with the sessions and the trained parameters, and closes them. */
async function decode(
  recorded: RecordedCase,
  spec: ModelSpec,
  context: VerifyContext,
  use: (sessions: Decoding, parameters: Tensors) => Promise<Generated>,
): Promise<Generated> {
  const store = openParameters(modelParameters(spec), recorded.weights)
  const encoder = await openCaseSession(encodeGraph(spec), recorded, context)
  const decoder = await openCaseSession(decodeGraph(spec), recorded, context)
  try {
    const parameters = [...store.parameters.values()].map(({ name, value }) => [name, value] as const)
    return await use({ encoder, decoder }, Object.fromEntries(parameters))
  } finally {
    encoder.close()
    decoder.close()
    store.release()
  }
}

function valuesOf({ ids, width, firstLogits }: Generated, batch: number): Map<string, Values> {
  const values = new Map([['want/ids', integers([batch, width], [...ids])]])
  if (firstLogits) values.set('want/first_logits', floats([batch, firstLogits.length / batch], firstLogits))
  return values
}
