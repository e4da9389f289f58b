/** Randomness of the data: functions of seed, epoch and sample, so that a resumed run draws the same. */
import { Random } from '../base/index.js'

/** Keeps the streams apart from each other and from dropout's. */
const streams = { order: 0x6f726465, target: 0x74617267 }

/** The order of samples in an epoch: a permutation of 0 … n − 1. */
export function epochOrder(n: number, seed: number, epoch: number): Uint32Array {
  return new Random(streams.order, seed, epoch).permutation(n)
}

/**
 * What a sample's target is drawn with in an epoch.
 *
 * @param index the sample's place in its split, whatever the order
 */
export function targetRandom(seed: number, epoch: number, index: number): Random {
  return new Random(streams.target, seed, epoch, index)
}
