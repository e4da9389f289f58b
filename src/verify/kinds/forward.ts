import { registry } from '../../base/index.js'
import type { Kind } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { replay } from '../replay.js'
import { clipText, clipVision } from './clip.js'
import { clipOpenAi } from './clipOpenAi.js'
import { clipPreprocess } from './clipPreprocess.js'
import { normsAlone } from './norms.js'
import { relativePositionBuckets } from './relativePositionBuckets.js'
import { visualEmbeddingAlone } from './visualEmbedding.js'

/** Parts of a model that cases look at alone. */
const modules = registry('module', [
  visualEmbeddingAlone,
  relativePositionBuckets,
  normsAlone,
  clipVision,
  clipText,
  clipOpenAi,
  clipPreprocess,
])

/** Activations of a whole model or of a part of it. */
export const forward: Kind = {
  name: 'forward',
  async compute(recorded, context) {
    const { module } = recorded.json
    if (module === undefined) return replay(recorded, context)
    if (!modules.names.includes(module)) throw new NotSupported(`module ${module}`)
    return modules.get(module).compute(recorded, context)
  },
}
