/** The contrastive loss of a batch of pictures and texts (Radford et al. 2021, figure 3). */
import {
  add,
  cast,
  div,
  equal,
  exp,
  logSoftmax,
  matMul,
  mul,
  range,
  reshape,
  sqrt,
  square,
  sum,
  type Tensor,
  transpose,
} from '../../src/graph/index.js'
import { filled, type Scope } from '../../src/models/index.js'
import type { ClipConfig } from './config.js'

export interface Contrast {
  /** Each [b, d], of length 1. */
  readonly imageEmbeds: Tensor
  readonly textEmbeds: Tensor
  /** [b, b]: a picture a row. */
  readonly logitsPerImage: Tensor
  /** Its transpose. */
  readonly logitsPerText: Tensor
}

/** x / ‖x‖ along the last axis. */
function unit(x: Tensor): Tensor {
  return div(x, sqrt(sum(square(x), [x.shape.length - 1], { keepDims: true })))
}

/** Similarities of all pictures with all texts, scaled by e^`logit_scale`; images and texts [b, d]. */
export function contrast(root: Scope, config: ClipConfig, images: Tensor, texts: Tensor): Contrast {
  const scale = exp(root.parameter('logit_scale', [], filled(config.logitScaleInit)))
  const [imageEmbeds, textEmbeds] = [unit(images), unit(texts)]
  const logitsPerImage = mul(matMul(imageEmbeds, textEmbeds, { transposeB: true }), scale)
  return { imageEmbeds, textEmbeds, logitsPerImage, logitsPerText: transpose(logitsPerImage, [1, 0]) }
}

/**
 * ½ (cross entropy of the texts of each picture + of the pictures of each text), both means over the batch.
 *
 * @param targets [b, b]: how much each text (column) counts for a picture (row), with rows and columns that sum to one if
 *   all pictures are to count alike; picture and text of the same number by default
 */
export function contrastiveLoss({ logitsPerImage, logitsPerText }: Contrast, targets?: Tensor): Tensor {
  const wanted = targets ?? diagonal(logitsPerImage)
  const entropies = add(
    sum(mul(logSoftmax(logitsPerImage), wanted)),
    sum(mul(logSoftmax(logitsPerText), transpose(wanted, [1, 0]))),
  )
  return div(mul(entropies, -0.5), sum(wanted))
}

/** The unit matrix of the logits' size. */
function diagonal({ shape: [b] }: Tensor): Tensor {
  return cast(equal(reshape(range(b!), [b!, 1]), reshape(range(b!), [1, b!])), 'float32')
}
