/**
 * Benchmarks beside their peers: `npm run bench -- NAME [options]`.
 *
 *   npm run bench -- step --python VENV/bin/python [--pairs 9] [--threads 2] [--shapes V,G] [--methods lst,full]
 *       [--dropout 0,0.1] [--cache DIR] [--out FILE]
 *   npm run bench -- features --python VENV/bin/python [--pairs 5] [--threads 2] [--shape vit-b32] [--pictures DIR]
 *       [--count 192] [--cache DIR] [--out FILE]
 *
 * The Python needs `scripts/bench/peers/requirements.txt`. Results are printed and written as JSON.
 */
import { benchFeatures } from './features.mjs'
import { benchStep } from './step.mjs'

const benches = { step: benchStep, features: benchFeatures }

const [name, ...rest] = process.argv.slice(2)
const bench = benches[name]
if (bench) await bench(rest)
else {
  process.stderr.write(`bench: unknown name "${name ?? ''}" (all: ${Object.keys(benches).join(', ')})\n`)
  process.exitCode = 2
}
