/** A case's weights as parameters of the model. */
import { UserError } from '../base/index.js'
import type { ParameterSpec } from '../models/index.js'
import { ParameterStore, startValues } from '../training/index.js'
import type { Checkpoint } from '../weights/index.js'

/**
 * The trained parameters with the case's values. Whoever asks releases them.
 *
 * @throws {UserError} a parameter, trained or not, that the case has no weights for
 */
export function openParameters(
  parameters: readonly ParameterSpec[],
  weights: Checkpoint,
  decays: (name: string, shape: readonly number[]) => boolean = () => false,
): ParameterStore {
  for (const { name, shape } of parameters) {
    const given = weights.tensors.get(name)?.shape
    if (String(given) !== String(shape)) {
      const found = given ? `has the shape (${given.join(', ')})` : 'is missing'
      throw new UserError(`weight ${name} ${found}, the model has (${shape.join(', ')})`)
    }
  }
  const trained = parameters.filter((parameter) => parameter.trained)
  const store = new ParameterStore(
    trained.map(({ name, shape }) => ({ name, shape, decays: decays(name, shape) })),
  )
  startValues(store, trained, weights, 0)
  return store
}
