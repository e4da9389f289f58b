import { UserError } from '../base/index.js'
import type { Dtype } from './dtype.js'
import type { Checkpoint } from './stored.js'

const floatDtypes: readonly Dtype[] = ['F32', 'F16', 'BF16', 'F64']

/**
 * Every wanted tensor must be there, in its shape, as some float.
 *
 * @param name what messages call the checkpoint
 * @throws {UserError} the first tensor that is missing, has another shape or holds no floats
 */
export function requireTensors(
  name: string,
  wanted: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
  { tensors }: Checkpoint,
): void {
  const mend = 'take the checkpoint that belongs to its config.json'
  for (const { name: wantedName, shape } of wanted) {
    const tensor = tensors.get(wantedName)
    if (!tensor) throw new UserError(`${name}: tensor "${wantedName}" is missing: ${mend}`)
    const where = `${tensor.path}: tensor "${wantedName}" is`
    if (String(tensor.shape) !== String(shape)) {
      const [has, wants] = [tensor.shape.join(', '), shape.join(', ')]
      throw new UserError(`${where} (${has}) where config.json asks for (${wants}): ${mend}`)
    }
    if (!floatDtypes.includes(tensor.dtype))
      throw new UserError(`${where} ${tensor.dtype}: take a checkpoint of ${floatDtypes.join(', ')}`)
  }
}

/**
 * @param where what errors put before the tensor's name
 * @throws {UserError} a tensor with a value that is no number
 */
export function checkFinite(weights: Checkpoint, names: readonly string[], where: string): void {
  for (const name of names) {
    for (const chunk of weights.float32Chunks(name)) {
      if (chunk.every(Number.isFinite)) continue
      throw new UserError(`${where}tensor "${name}" has values that are not numbers: take a sound file`)
    }
  }
}
