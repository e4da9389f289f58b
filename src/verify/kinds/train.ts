import type { Kind } from '../kind.js'
import { replay } from '../replay.js'

/** Loss, logits, gradients, and parameters after some steps. */
export const train: Kind = { name: 'train', compute: replay }
