/** What tells one backbone from another. */
import { createHash } from 'node:crypto'
import { type Backbone, backboneParameters } from './backbone.js'

/** Elements of each tensor that are looked at. */
const elementsRead = 4096

const known = new WeakMap<Backbone, string>()

/** Tells a backbone by its values, wherever it lies and whatever it is stored as. Each is read once. */
export function fingerprintOf(backbone: Backbone): string {
  const fingerprint = known.get(backbone) ?? hashOf(backbone)
  known.set(backbone, fingerprint)
  return fingerprint
}

function hashOf({ config, weights }: Backbone): string {
  const hash = createHash('sha256')
  const names = backboneParameters(config).map(({ name }) => name)
  for (const name of names.sort()) {
    hash.update(name)
    for (const chunk of weights.float32Chunks(name, elementsRead)) {
      hash.update(chunk.subarray(0, elementsRead))
      break
    }
  }
  return hash.digest('hex').slice(0, 16)
}
