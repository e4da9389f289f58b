/** Cuts a ladder's initial weights out of a backbone. */

import { UserError } from '../../base/index.js'
import type { ParameterSpec } from '../../models/index.js'
import { cut, type Importance, sideName } from '../../pruning/index.js'
import type { Runtime } from '../../runtime/index.js'
import type { EncodedSample } from '../../tasks/index.js'
import { checkFinite, type TensorToWrite } from '../../weights/index.js'
import { backboneParameters } from '../backbone.js'
import type { TrainConfig } from '../config.js'
import type { Report } from '../events.js'
import { ParameterStore } from '../parameters.js'
import { openSession, startValues } from '../weights.js'
import { fisherGraph, fisherImportance } from './fisher.js'
import type { SideInit } from './names.js'
import { sideInitOptions } from './options.js'
import { fisherFeeds } from './samples.js'
import type { Source } from './source.js'

export interface MakeOptions {
  /** What Fisher importance is measured on; none for magnitudes. */
  readonly samples: readonly EncodedSample[]
  /** The ladder's, whose shapes the weights must have. */
  readonly parameters: readonly ParameterSpec[]
  readonly report: Report
  readonly signal: AbortSignal
  readonly runtime: Runtime
}

/**
 * Weights for every layer of both stacks, whichever of them a ladder keeps. The position tables, which go to the first
 * layer that a ladder names, stand in layer 0.
 *
 * @throws {UserError} weights or importances that are not numbers; rows that are not as many as the ladder has
 */
export async function makeSideWeights(
  config: TrainConfig,
  { name: initName, selector, measure }: SideInit,
  source: Source,
  options: MakeOptions,
): Promise<readonly TensorToWrite[]> {
  const { weights, name: backboneName, config: backbone } = source.backbone
  const parameters = backboneParameters(backbone)
  checkFinite(
    weights,
    parameters.map((parameter) => parameter.name),
    `${backboneName}: `,
  )
  const squares = measure === 'fisher' ? await measureFisher(config, source, options) : undefined
  const importance: Importance = {
    shape: (name) => weights.tensors.get(name)!.shape,
    values: (name) => squares?.get(name) ?? weights.readFloat32(name),
  }
  const { reductionFactor } = sideInitOptions(config)!
  const { kept } = selector.select(source.layout, importance, reductionFactor)
  const wanted = new Map(options.parameters.map((spec) => [spec.name, spec.shape]))
  return parameters.flatMap(({ name, shape: whole }) => {
    const side = sideName(name)
    if (side === undefined) return []
    const axes = kept.get(name)
    const shape = axes ? axes.map(({ length }) => length) : whole
    const asked = wanted.get(side) ?? shape
    if (String(shape) !== String(asked)) {
      throw new UserError(
        `${initName} leaves "${name}" (${shape.join(', ')}) where a ladder of --reduction ${reductionFactor} has ` +
          `(${asked.join(', ')}): take a --reduction that divides the backbone's widths, or another importance`,
      )
    }
    const read = () => (axes ? cut(weights.readFloat32(name), whole, axes) : weights.readFloat32(name))
    return [{ name: side, dtype: 'F32', shape, data: () => [read()] }]
  })
}

async function measureFisher(
  { threads }: TrainConfig,
  { backbone: { config, weights } }: Source,
  { samples, report, signal, runtime }: MakeOptions,
): Promise<ReadonlyMap<string, Float32Array>> {
  const built = fisherGraph(config)
  const store = new ParameterStore(
    built.parameters
      .filter(({ trained }) => trained)
      .map(({ name, shape }) => ({ name, shape, decays: false })),
  )
  startValues(store, built.parameters, weights, 0)
  const session = await openSession(built, weights, { runtime, ...(threads === null ? {} : { threads }) })
  try {
    return await fisherImportance(session, store, fisherFeeds(samples, config, signal), (done) =>
      report({ kind: 'preparing', what: 'measuring importance', done, total: samples.length }),
    )
  } finally {
    session.close()
    store.release()
  }
}
