import sharp from 'sharp'
import { UserError } from '../src/base/index.js'

/** A decoded picture: 8 bits a channel, sRGB. */
export interface Picture {
  /** What an error message calls it: its file, or its archive and member. */
  readonly name: string
  readonly width: number
  readonly height: number
  /** [height, width, 3]: rows from the top; red, green, blue. */
  readonly data: Uint8Array
}

/** What turns a picture into features, one vector a position of a grid over it. */
export interface VisionEncoder {
  readonly name: string
  readonly summary: string
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
