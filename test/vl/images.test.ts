import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp, { type Colour } from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodePicture } from '../../vl/index.js'
import { openVqa } from '../support/dataSets.js'
import { shared } from './safetensors.js'

const red = { r: 255, g: 0, b: 0 }

/** A picture of one colour, 3 pixels wide and 2 high. */
const plain = (background: Colour | object, channels: 3 | 4 = 3) =>
  sharp({ create: { width: 3, height: 2, channels, background: background as Colour } })

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test("easy-VQA's pictures decode to the bytes that its README names", async () => {
  const { pictures } = await openVqa(join(shared, 'data/easy-vqa'))
  const decoded = await decodePicture(await pictures.read('train/999'), 'train/999')
  expect([decoded.width, decoded.height]).toEqual([64, 64])
  expect(hash(decoded.data)).toBe('ffc3f1f2cc874ac258a8a761f0c2b61d64fcf525c19bee0b1181682fb113eb92')
  const test1 = await decodePicture(await pictures.read('test/1'), 'test/1')
  expect(hash(test1.data)).toBe('89d983e98e7b3ce242d0d41d9b67d635607e054aa23b73bcf064a2fa16419ef8')
})

describe('every kind of picture becomes 8-bit sRGB', () => {
  test.each([
    ['transparent PNG on white', () => plain({ ...red, alpha: 0 }, 4).png(), [255, 255, 255]],
    ['half-transparent PNG', () => plain({ ...red, alpha: 0.5 }, 4).png(), [255, 127, 127]],
    ['greyscale PNG', () => plain({ r: 80, g: 80, b: 80 }).toColourspace('b-w').png(), [80, 80, 80]],
    ['16-bit PNG', () => plain(red).toColourspace('rgb16').png(), [255, 0, 0]],
    ['16-bit greyscale', () => plain({ r: 80, g: 80, b: 80 }).toColourspace('grey16').png(), [80, 80, 80]],
    ['palette PNG', () => plain(red).png({ palette: true }), [255, 0, 0]],
    ['CMYK JPEG', () => plain({ r: 255, g: 255, b: 255 }).toColourspace('cmyk').jpeg(), [255, 255, 255]],
    ['WebP', () => plain(red).webp({ lossless: true }), [255, 0, 0]],
    ['GIF', () => plain(red).gif(), [255, 0, 0]],
  ])('%s', async (name, make, want) => {
    const picture = await decodePicture(await make().toBuffer(), name)
    expect([picture.width, picture.height, picture.data.length]).toEqual([3, 2, 18])
    for (const [i, value] of want.entries()) expect(Math.abs(picture.data[i]! - value)).toBeLessThanOrEqual(2)
  })

  test('a picture that lies on its side by EXIF is turned upright', async () => {
    const bytes = await plain(red).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const { width, height } = await decodePicture(bytes, 'phone.jpg')
    expect([width, height]).toEqual([2, 3])
  })
})

describe('what is no whole picture is refused by name, in one line', () => {
  const photo = () => readFileSync(join(shared, 'data/vqa-gqa-mini/images/2331963.jpg'))
  test.each([
    ['text', () => Buffer.from('not a picture')],
    ['nothing', () => Buffer.alloc(0)],
    ['half a JPEG', () => photo().subarray(0, 60000)],
  ])('%s', async (_, make) => {
    await expect(decodePicture(make(), 'kitchen.jpg')).rejects.toThrow(
      /^kitchen\.jpg is not a picture that can be read \(.+\): put a PNG or JPEG in its place$/,
    )
  })
})
