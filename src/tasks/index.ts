import { vqa } from '../../vl/tasks/index.js'
import { registry } from '../base/index.js'
import { glue } from './glue.js'
import type { Task } from './task.js'

export {
  type Batch,
  collate,
  type EncodedSample,
  encodeSample,
  longestTarget,
  type SampleTokenizer,
  type SpecialIds,
  sourceOf,
  stepTotals,
} from './collate.js'
export { type GlueTask, glue } from './glue.js'
export {
  ignoredLabel,
  type LossWeighting,
  lossWeights,
  type StepTotals,
} from './lossWeights.js'
export { epochOrder, targetRandom } from './order.js'
export type { Asked, Classes, Source, Target, Task } from './task.js'

/** Every task that `--task` knows. */
export const tasks = registry<Task>('task', [vqa, ...glue])
