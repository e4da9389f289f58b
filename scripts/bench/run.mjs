/**
 * Benchmarks beside their peers: `npm run bench -- NAME [options]`.
 *
 *   npm run bench -- step --python VENV/bin/python [--pairs 9] [--threads 2] [--shapes V,G] [--methods lst,full,…]
 *       [--dropout 0,0.1] [--cache DIR] [--out FILE]
 *   npm run bench -- features --python VENV/bin/python [--pairs 5] [--threads 2] [--shape vit-b32] [--pictures DIR]
 *       [--count 192] [--cache DIR] [--out FILE]
 *   npm run bench -- captions --python VENV/bin/python [--images 1000,5000] [--pairs 3] [--meteor-data DIR] [--out FILE]
 *   npm run bench -- memory [--steps 3] [--threads 2] [--shapes V,G] [--methods lst,full,…] [--dropout 0,0.1]
 *       [--cache DIR] [--out FILE]
 *   npm run bench -- workers [--pairs 9] [--workers 2] [--shapes V] [--methods lst] [--dropout 0] [--rounds 30]
 *       [--backbone t5-small] [--cache DIR] [--out FILE]
 *   npm run bench -- mpi [--processes 1,2,4] [--megabytes 64] [--rounds 9] [--mpirun 'mpirun.openmpi --oversubscribe']
 *       [--out FILE]
 *
 * The last three have no peer: `memory` holds what `vl-lst estimate` tells against what steps take, `workers` several
 * processes of one thread against one process of as many, `mpi` sums gradients of processes. The Python of the others needs
 * `scripts/bench/peers/requirements.txt`; that of captions pycocoevalcap, in an environment of its own. Results are
 * printed and written as JSON.
 */
import { benchCaptions } from './captions.mjs'
import { benchFeatures } from './features.mjs'
import { benchMemory } from './memory.mjs'
import { benchMpi } from './mpi.mjs'
import { benchStep } from './step.mjs'
import { benchWorkers } from './workers.mjs'

const benches = {
  step: benchStep,
  features: benchFeatures,
  captions: benchCaptions,
  memory: benchMemory,
  workers: benchWorkers,
  mpi: benchMpi,
}

const [name, ...rest] = process.argv.slice(2)
const bench = benches[name]
if (bench) await bench(rest)
else {
  process.stderr.write(`bench: unknown name "${name ?? ''}" (all: ${Object.keys(benches).join(', ')})\n`)
  process.exitCode = 2
}
