/** Full fine-tuning: every parameter trains. */
import { z } from 'zod'
import { headName } from '../models/index.js'
import { joint } from './joint.js'
import { defineMethod } from './method.js'
import { mayTrain, trainableLayers } from './trainable.js'

const options = z.strictObject({
  ...trainableLayers,
  /** Leave the head (and with it, if tied, its embedding) as it is. */
  freezeHead: z.boolean().default(false),
})

export const full = defineMethod<z.infer<typeof options>>({
  name: 'full',
  summary: 'every parameter of the backbone trains',
  options,
  trains(name, given, config) {
    if (given.freezeHead && name === headName(config)) return false
    return mayTrain(name, given)
  },
  ...joint,
  classified: ({ encoderHiddenStates }) => encoderHiddenStates!,
})
