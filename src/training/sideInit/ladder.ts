/** Side weights that fit a ladder, or a word about why they don't. */
import { UserError } from '../../base/index.js'
import type { ParameterSpec } from '../../models/index.js'
import { type Checkpoint, checkFinite, renamedBy } from '../../weights/index.js'
import type { SideSettings } from './file.js'

/** What a ladder takes from side weights: its blocks and its final norms. */
const isTaken = (name: string) => /\.side_block\.|\.final_side_layer_norm\./.test(name)

/** Where side weights have the position table of a stack. */
const positionTable = /^(\w+\.side_block)\.\d+(\..*relative_attention_bias\..*)$/

/**
 * The side weights by the names of this ladder: its first layer owns the position table.
 *
 * @param parameters the run's own
 * @param where the file, for messages
 * @throws {UserError} a tensor that is missing, has another shape, or values that are no numbers
 */
export function forLadder(
  weights: Checkpoint,
  parameters: readonly ParameterSpec[],
  where: string,
): Checkpoint {
  const taken = parameters.filter(({ name }) => isTaken(name))
  const byStored = new Map(taken.map((spec) => [spec.name.replace(positionTable, '$1.0$2'), spec]))
  for (const [stored, { name, shape }] of byStored) {
    const tensor = weights.tensors.get(stored)
    const mend = 'make it anew by vl-lst prune for this backbone and --reduction'
    if (!tensor) throw new UserError(`${where}: tensor "${stored}" is missing: ${mend}`)
    if (String(tensor.shape) !== String(shape)) {
      throw new UserError(
        `${where}: tensor "${name}" is (${tensor.shape.join(', ')}) where the ladder has (${shape.join(', ')}): ${mend}`,
      )
    }
  }
  checkFinite(weights, [...byStored.keys()], `${where}: `)
  return renamedBy(weights, (name) => byStored.get(name)?.name)
}

/** @throws {UserError} side weights that were made for another ladder or another backbone */
export function checkSettings(
  settings: SideSettings,
  run: { readonly reduction: number; readonly backbone: string; readonly fingerprint: string },
  where: string,
): void {
  const { reduction, backbone } = settings
  if (reduction !== run.reduction) {
    throw new UserError(
      `${where} was made for --reduction ${reduction}, and this run has --reduction ${run.reduction}: ` +
        `use --reduction ${reduction}, or make another file by vl-lst prune`,
    )
  }
  if (backbone.fingerprint !== run.fingerprint) {
    throw new UserError(
      `${where} was made of ${backbone.name}, whose weights are not those of ${run.backbone}: ` +
        'use that backbone, or make another file by vl-lst prune',
    )
  }
}
