import { registry } from '../../src/base/index.js'
import { vqa } from './vqa.js'

export {
  type Batch,
  collate,
  type EncodedSample,
  encodeSample,
  type SampleTokenizer,
  type SpecialIds,
  stepTotals,
} from './collate.js'
export {
  type FeatureOptions,
  type FeatureSource,
  openFeatures,
  type PictureCache,
  type Pooling,
} from './features.js'
export {
  ignoredLabel,
  type LossWeighting,
  lossWeights,
  type StepTotals,
} from './lossWeights.js'
export { epochOrder, targetRandom } from './order.js'
export type { Target, Task } from './task.js'

/** Every task about pictures that `--task` knows. */
export const tasks = registry('task', [vqa])
