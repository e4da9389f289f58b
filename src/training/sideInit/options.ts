/** What a run's configuration says of the weights that its ladder starts from. */
import { z } from 'zod'
import type { TrainConfig } from '../config.js'

/** Nothing is cut out of the backbone: the ladder's weights are drawn. */
export const randomInit = 'random'

/** The reference's: so many samples, or all where there are fewer. */
export const defaultSamples = 1024

const schema = z.object({
  sideInit: z.string(),
  sideInitSamples: z.int().positive().nullable(),
  reductionFactor: z.int().positive(),
})

export type SideInitOptions = z.infer<typeof schema>

/** @returns `undefined` for a method that has no ladder */
export function sideInitOptions({ methodOptions }: TrainConfig): SideInitOptions | undefined {
  return schema.safeParse(methodOptions).data
}
