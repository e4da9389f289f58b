/** Pictures of scenes. */
import sharp from 'sharp'
import { drawScene } from './draw.js'
import type { Scene } from './scene.js'

/** Most that noise moves an 8-bit value. */
const noise = 7

/** A JPEG of the scene, the same bytes every time on one version of `sharp`. */
export async function renderScene(scene: Scene): Promise<Uint8Array> {
  const { data, info } = await sharp(Buffer.from(drawScene(scene)))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  addNoise(data, scene.seed)
  const { width, height, channels } = info
  return await sharp(data, { raw: { width, height, channels } })
    .jpeg({ quality: 90, chromaSubsampling: '4:4:4' })
    .toBuffer()
}

/** Grain in `pixels` (8 bits a value), its own for every scene. A hot loop: xorshift32 (Marsaglia 2003). */
function addNoise(pixels: Uint8Array, seed: number): void {
  let state = seed | 1
  for (let i = 0; i < pixels.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const value = pixels[i]! + ((state >>> 0) % (2 * noise + 1)) - noise
    pixels[i] = Math.min(255, Math.max(0, value))
  }
}
