/**
 * easy-VQA beside a small T5 and a small CLIP, and the same training in PyTorch:
 *
 *   npm run build && node scripts/easy-vqa.mjs --python VENV/bin/python [--data ../shared/data] [--seeds 1,2,3]
 *       [--only ours,pytorch] [--threads 1] [--side 2] [--cache DIR] [--out docs/bench/easy-vqa-clip.json]
 *
 * Every run that is not in the file yet is made and written down at once, so it goes on where it stopped.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { cacheFolder } from '../dist/src/files/index.js'
import { pytorchVariant, record, root, train, trainInPytorch, variantJobs } from './runs.mjs'

const text = { type: 'string' }
const { values } = parseArgs({
  options: {
    ...{ python: text, data: text, seeds: text, only: text },
    ...{ threads: text, side: text, cache: text, out: text },
  },
})
const data = values.data ?? join(root, '../shared/data')
const cache = cacheFolder(values.cache)
const threads = values.threads ?? '1'
const recipe = join(root, 'docs/recipes/easy-vqa-clip.yaml')
const places = {
  dataset: join(data, 'easy-vqa'),
  backbone: join(data, 't5-mini'),
  vision: join(data, 'clip-mini'),
}

const variants = {
  ours: (seed) =>
    train(
      ...['test', '--config', recipe, '--seed', String(seed), '--threads', threads, '--cache', cache],
      ...Object.entries(places).flatMap(([option, path]) => [`--${option}`, path]),
    ),
  ...pytorchVariant(values.python, (seed) => {
    const { 'n-boxes': nBoxes, ...rest } = parse(readFileSync(recipe, 'utf8'))
    const settings = JSON.stringify({ ...rest, nBoxes, ...places })
    return trainInPytorch(values.python, join(cache, `peer-easy-${seed}`), { seed, threads, cache, settings })
  }),
}
const file = values.out ?? join(root, 'docs/bench/easy-vqa-clip.json')
await record(file, variantJobs(variants, values), Number(values.side ?? 2))
