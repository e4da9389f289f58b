import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'
import { pack } from 'tar-stream'

/** A grey PNG. */
export async function solidPng(width: number, height: number): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 3, background: 'grey' } })
    .png()
    .toBuffer()
}

/** A tar archive of these files. */
export async function tarOf(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const archive = pack()
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name }, Buffer.from(bytes))
  archive.finalize()
  return await buffer(archive)
}
