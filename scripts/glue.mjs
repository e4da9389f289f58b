/**
 * All methods on GLUE's small tasks, by one command:
 *
 *   npm run build && node scripts/glue.mjs [--data ../shared/data] [--tasks cola,rte] [--methods lst,full] [--seeds 1,2,3]
 *       [--epochs 3] [--side 2] [--out docs/bench/glue.json]
 *
 * A small T5 that has read English, batches of 32, a rate for each method that falls to 0. Every run that is not in the
 * file yet is made and written down at once, so it goes on where it stopped; `--side` says how many run side by side, a
 * thread each.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { record, root, train } from './runs.mjs'

const text = { type: 'string' }
const { values } = parseArgs({
  options: { data: text, tasks: text, methods: text, seeds: text, epochs: text, side: text, out: text },
})
const data = values.data ?? join(root, '../shared/data')
const list = (name, all) => values[name]?.split(',') ?? all

const folders = { cola: 'CoLA', rte: 'RTE' }

/** A method's rate and the options that are not its preset's. */
const rows = {
  full: ['1e-3'],
  adapter: ['3e-3'],
  lora: ['3e-3'],
  bitfit: ['3e-3'],
  prompt: ['0.3', '--prompt-length', '20'],
  lst: ['3e-3', '--tap-norm', 'on'],
}

const settings = (task, method, seed) => {
  const [rate, ...options] = rows[method]
  return [
    ...['--task', task, '--dataset', join(data, 'glue', folders[task]), '--backbone', join(data, 't5-mini')],
    ...['--method', method, '--learning-rate', rate, ...options, '--seed', String(seed), '--threads', '1'],
    ...['--batch-size', '32', '--accumulate', '1', '--epochs', values.epochs ?? '3'],
    ...['--warmup-ratio', '0.05', '--dropout', '0'],
  ]
}

const jobs = list('seeds', ['1', '2', '3']).flatMap((seed) =>
  list('tasks', Object.keys(folders)).flatMap((task) =>
    list('methods', Object.keys(rows)).map((method) => ({
      key: { task, method, seed: Number(seed) },
      run: () => train('test', ...settings(task, method, seed)),
    })),
  ),
)
await record(values.out ?? join(root, 'docs', 'bench', 'glue.json'), jobs, Number(values.side ?? 2))
