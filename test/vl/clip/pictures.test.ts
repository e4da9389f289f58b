/** Pictures of every kind and size through a CLIP. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import sharp, { type Colour, type Sharp } from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodePicture, type NetworkEncoder, openVisionEncoder } from '../../../vl/index.js'
import { openFeatures } from '../../../vl/tasks/index.js'
import { writeTinyClip } from '../../support/clip.js'
import { digest, folderOfFile, isLacking, shared } from '../../support/weights.js'

const folder = folderOfFile()
const open = (fit: 'squash' | 'crop') =>
  openVisionEncoder(folder, { cache: folder, threads: 1, fit }) as NetworkEncoder
beforeAll(() => void writeTinyClip(folder))

/** A picture of one colour. */
const plain = (
  width: number,
  height: number,
  background: Colour | object = { r: 200, g: 100, b: 50 },
  channels: 3 | 4 = 3,
) => sharp({ create: { width, height, channels, background: background as Colour }, limitInputPixels: false })

async function featuresOf(bytes: Uint8Array, fit: 'squash' | 'crop' = 'squash'): Promise<Float32Array> {
  const encoder = open(fit)
  const features = await encoder.encode([encoder.fit(await decodePicture(bytes, 'kitchen'))])
  encoder.close()
  return features
}

describe('one colour gives the same features', () => {
  let want: Float32Array
  beforeAll(async () => {
    want = await featuresOf(await plain(8, 8).png().toBuffer())
  })

  test.each<[string, () => Sharp]>([
    ['one pixel', () => plain(1, 1).png()],
    ['one row', () => plain(3000, 1).png()],
    ['one column', () => plain(1, 3000).png()],
    ['16 bits', () => plain(20, 10).toColourspace('rgb16').png()],
    ['an opaque fourth channel', () => plain(20, 10, { r: 200, g: 100, b: 50, alpha: 1 }, 4).png()],
    ['a palette', () => plain(20, 10).png({ palette: true })],
    ['another orientation', () => plain(20, 10).withMetadata({ orientation: 6 }).png()],
    ['100 megapixels', () => plain(10_000, 10_000).png({ compressionLevel: 1 })],
  ])('%s', { timeout: 60_000 }, async (_, make) => {
    const bytes = await make().toBuffer()
    for (const fit of ['squash', 'crop'] as const)
      expect(digest(await featuresOf(bytes, fit))).toBe(digest(want))
  })

  test('CMYK, nearly', async () => {
    const bytes = await plain(20, 10, { r: 255, g: 255, b: 255 }).toColourspace('cmyk').jpeg().toBuffer()
    const white = await featuresOf(await plain(8, 8, { r: 255, g: 255, b: 255 }).png().toBuffer())
    const got = await featuresOf(bytes)
    expect(Math.max(...got.map((value, i) => Math.abs(value - white[i]!)))).toBeLessThan(0.1)
  })
})

test('more pixels than can be held are refused in one line', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"/>')
  await expect(decodePicture(svg, 'huge.svg')).rejects.toThrow(
    /^huge\.svg is not a picture that can be read \(.*\): put a PNG or JPEG in its place$/,
  )
})

describe.skipIf(isLacking('data/coco-mini'))('coco-mini', () => {
  const images = shared('data/coco-mini/images')
  const names = isLacking('data/coco-mini') ? [] : readdirSync(images).sort()
  const source = {
    has: (id: string) => names.includes(id),
    where: (id: string) => id,
    read: (id: string) => readFile(`${images}/${id}`),
  }

  test.each(['squash', 'crop'] as const)(
    'photographs of many sizes have features of their own: %s',
    { timeout: 60_000 },
    async (fit) => {
      const encoder = open(fit)
      const features = await openFeatures(source, names, encoder)
      encoder.close()
      expect([names.length, features.positions, features.featDim]).toEqual([192, 4, 64])
      const seen = new Set<string>()
      for (const name of names) {
        const values = await features.features(name)
        expect(values).toHaveLength(4 * 64)
        expect(values.every(Number.isFinite)).toBe(true)
        seen.add(digest(values))
      }
      expect(seen.size).toBe(192)
    },
  )
})
