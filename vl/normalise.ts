/** Pixels as networks want them. */

/** Channel statistics of pictures, in units of full intensity: red, green, blue. */
export interface ChannelStatistics {
  readonly mean: readonly [number, number, number]
  readonly deviation: readonly [number, number, number]
}

/** CLIP's training pictures (Radford et al. 2021). */
export const clipStatistics: ChannelStatistics = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
}

/** (value / 255 − mean) / deviation for every channel and 8-bit value: [3, 256]. */
export function normalisation({ mean, deviation }: ChannelStatistics): Float32Array {
  return Float32Array.from(
    { length: 3 * 256 },
    (_, i) => ((i % 256) / 255 - mean[i >> 8]!) / deviation[i >> 8]!,
  )
}
