/** The option that says which weights of a run are asked. */
import type { Options } from 'yargs'
import type { CheckpointName } from '../training/index.js'
import { choiceOf, type Typed } from './given.js'

export const checkpointOption = {
  type: 'string',
  requiresArg: true,
  describe: 'best or last; default: best, or last where none was scored yet',
} as const satisfies Options

/** @throws {UserError} neither best nor last */
export function checkpointOf(typed: Typed): { readonly checkpoint?: CheckpointName } {
  const checkpoint = choiceOf(typed, 'checkpoint', ['best', 'last'])
  return checkpoint === undefined ? {} : { checkpoint }
}
