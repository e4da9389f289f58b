/**
 * Our side of `npm run bench -- features`: features of a folder of pictures, decoding and resizing included.
 *
 *   node scripts/bench/features-worker.mjs --vision random:vit-b32 --pictures DIR --count 192 --threads 2 --cache DIR
 *
 * Prints one JSON line when ready; then reads lines: `pass` goes over all pictures and prints {ms, cpuMs, pictures, first}
 * (`first`: the first 8 values of each of the first pictures), `quit` ends.
 */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { openVisionEncoder } from '../../dist/vl/index.js'
import { openFeatures } from '../../dist/vl/tasks/index.js'

const text = { type: 'string' }
const { values } = parseArgs({
  options: { vision: text, pictures: text, count: text, threads: text, cache: text },
})
const threads = Number(values.threads)
const encoder = openVisionEncoder(values.vision, { cache: values.cache, threads })
const ids = readdirSync(values.pictures).sort().slice(0, Number(values.count))
const source = {
  has: (id) => ids.includes(id),
  where: (id) => join(values.pictures, id),
  read: (id) => readFile(join(values.pictures, id)),
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

async function pass() {
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  const features = await openFeatures(source, ids, encoder, {
    pooling: { kind: 'downsample', nBoxes: 36 },
  })
  const used = process.cpuUsage(cpu)
  const ms = performance.now() - wall
  const first = await Promise.all(
    ids.slice(0, 8).map(async (id) => [...(await features.features(id))].slice(0, 8)),
  )
  return { ms, cpuMs: (used.user + used.system) / 1000, pictures: ids.length, first }
}

say({ ready: true, node: process.version, threads })
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') break
  if (line === 'pass') say(await pass())
}
encoder.close()
