import type { Kind } from '../kind.js'
import { replay } from '../replay.js'
import { readTrain } from '../train.js'

/** Loss, logits, gradients, and parameters after some steps. */
export const train: Kind = {
  name: 'train',
  compute: (recorded, context) => replay(recorded, readTrain(recorded), context),
}
