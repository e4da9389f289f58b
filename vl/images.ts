import sharp from 'sharp'
import { UserError } from '../src/base/index.js'

export interface PixelSize {
  readonly width: number
  readonly height: number
}

/** 8 bits a channel, sRGB. */
export interface Pixels extends PixelSize {
  /** [height, width, 3]: rows from the top; red, green, blue. */
  readonly data: Uint8Array
}

/** A decoded picture. */
export interface Picture extends Pixels {
  /** What an error message calls it: its file, or its archive and member. */
  readonly name: string
}

/** What turns a picture into features, one vector a position of a grid over it. */
export type VisionEncoder = PlainEncoder | NetworkEncoder

/** An encoder without weights, so cheap that features are made anew whenever they are asked for. */
export interface PlainEncoder {
  readonly kind: 'plain'
  readonly name: string
  /** Width of one position's features. */
  readonly featDim: number
  /**
   * The grid that this picture gives, without computing features.
   *
   * @throws {UserError} the picture has a size that the encoder can't take
   */
  grid(picture: Picture): Grid
  /**
   * @returns [rows · columns, featDim], rows of the grid from the top
   * @throws {UserError} as `grid`
   */
  features(picture: Picture): Promise<Float32Array>
}

/** A frozen network, whose features are computed once. Close it when done. */
export interface NetworkEncoder {
  readonly kind: 'network'
  readonly name: string
  /** Changes with everything that features depend on besides the picture. */
  readonly identity: string
  readonly featDim: number
  /** Of every picture, whatever its size. */
  readonly grid: Grid
  /** How many pictures are best encoded at once. */
  readonly batchSize: number
  /** The picture in the size that the network wants. */
  fit(picture: Picture): Pixels
  /**
   * May be called again while a call is under way: runs follow one another.
   *
   * @param pictures as `fit` gives them
   * @returns [pictures, rows · columns, featDim]
   */
  encode(pictures: readonly Pixels[]): Promise<Float32Array>
  /** Idempotent. */
  close(): void
}

export interface Grid {
  readonly rows: number
  readonly columns: number
}

/**
 * Decodes a picture file: JPEG, PNG, WebP, GIF and AVIF (their first frame), TIFF, SVG.
 *
 * Turned upright by its EXIF orientation, as every viewer shows it. What is transparent becomes white, the
 * page behind it (Pillow's `convert('RGB')` would show whatever colour lies hidden there). 16 bits, CMYK,
 * greyscale and palettes become 8-bit sRGB.
 *
 * @param name what an error message calls the picture
 * @throws {UserError} the bytes are not a whole picture
 */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<Picture> {
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error' })
      .autoOrient()
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new Error(`it has ${info.channels} channels`)
    return { name, width: info.width, height: info.height, data }
  } catch (error) {
    const reason = (error as Error).message.trim().replace(/\s+/g, ' ')
    throw new UserError(
      `${name} is not a picture that can be read (${reason}): put a PNG or JPEG in its place`,
    )
  }
}
