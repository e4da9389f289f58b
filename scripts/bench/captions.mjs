/**
 * Caption metrics beside pycocoevalcap, which needs Java: `npm run bench -- captions --python VENV/bin/python`.
 *
 * Captions are those of recorded METEOR segments, again and again until there are enough images, four references each.
 * The compact form of METEOR's data is made before anything is timed.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { writeResults } from './results.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const shared = process.env.VL_LST_SHARED ?? here('../../../shared')
const program = here('../../dist/src/cli/main.js')

const options = {
  python: { type: 'string' },
  images: { type: 'string', default: '1000,5000' },
  pairs: { type: 'string', default: '3' },
  cases: { type: 'string', default: join(shared, 'parity/caption/meteor-segments/cases.jsonl.gz') },
  'meteor-data': { type: 'string', default: join(shared, 'data/meteor') },
  out: { type: 'string', default: here('out/captions.json') },
}

const references = 4

/** Writes COCO files with so many images. */
function writeImages(folder, count, segments) {
  const images = Array.from({ length: count }, (_, i) => ({ id: i + 1 }))
  const of = (i) => segments[i % segments.length]
  const annotations = images.flatMap(({ id }) =>
    Array.from({ length: references }, (_, k) => {
      const { refs } = of(id - 1)
      return { id: id * references + k, image_id: id, caption: refs[k % refs.length] }
    }),
  )
  const results = images.map(({ id }) => ({ image_id: id, caption: of(id - 1).hyp }))
  const files = [join(folder, `annotations-${count}.json`), join(folder, `results-${count}.json`)]
  writeFileSync(files[0], JSON.stringify({ images, annotations }))
  writeFileSync(files[1], JSON.stringify(results))
  return files
}

const run = (file, words) =>
  JSON.parse(
    execFileSync(file, words, { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] }),
  )

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
const total = ({ seconds }) => Object.values(seconds).reduce((sum, each) => sum + each, 0)

function timed(act) {
  const begin = performance.now()
  act()
  return (performance.now() - begin) / 1000
}

/** In a process of its own: what this one needs at most is counted as its children's too. */
function makeTables(data, cache) {
  const script =
    "import { openMeteor } from 'coco-caption-eval-js/node'; openMeteor({ folder: process.argv[1], cache: process.argv[2] })"
  execFileSync(process.execPath, ['--input-type=module', '--eval', script, data, cache], { cwd: here('.') })
}

/** Both, one after the other, so often. */
function comparePairs(pairs, ours, peers) {
  const both = Array.from({ length: pairs }, () => [ours(), peers()])
  const summary = (side) => {
    const runs = both.map((pair) => pair[side])
    const stages = Object.keys(runs[0].seconds)
    const seconds = Object.fromEntries(
      stages.map((name) => [name, median(runs.map((each) => each.seconds[name]))]),
    )
    return {
      seconds,
      total: median(runs.map(total)),
      peakMB: Math.max(...runs.map(({ peakMB }) => peakMB)),
      scores: runs[0].scores,
    }
  }
  return {
    ours: summary(0),
    peers: summary(1),
    timesFaster: median(both.map(([a, b]) => total(b) / total(a))),
  }
}

export async function benchCaptions(words) {
  const { values } = parseArgs({ args: words, options })
  if (!values.python)
    throw new Error('--python is missing: name the Python of an environment with pycocoevalcap')
  const folder = mkdtempSync(join(tmpdir(), 'bench-captions-'))
  try {
    const lines = gunzipSync(readFileSync(values.cases)).toString('utf8').trim().split('\n')
    const segments = lines.map((line) => JSON.parse(line)).filter(({ hyp, refs }) => hyp && refs[0])
    makeTables(values['meteor-data'], folder)
    const rows = []
    for (const count of values.images.split(',').map(Number)) {
      const files = writeImages(folder, count, segments)
      for (const metrics of ['bleu,rouge-l,cider', 'bleu,rouge-l,cider,meteor']) {
        const ours = () =>
          run(process.execPath, [
            here('captions-worker.mjs'),
            ...files,
            metrics,
            values['meteor-data'],
            folder,
          ])
        const peers = () => run(values.python, [here('peers/captions.py'), ...files, metrics])
        const row = { images: count, metrics, ...comparePairs(Number(values.pairs), ours, peers) }
        rows.push(row)
        process.stdout.write(
          `${count} images, ${metrics}: ${row.ours.total.toFixed(2)} s and ${row.ours.peakMB.toFixed(0)} MB, pycocoevalcap ` +
            `${row.peers.total.toFixed(2)} s and ${row.peers.peakMB.toFixed(0)} MB: ${row.timesFaster.toFixed(1)} times faster\n`,
        )
      }
    }
    const commandLine = timeCommandLine(folder, segments, values['meteor-data'])
    for (const [name, seconds] of Object.entries(commandLine))
      process.stdout.write(`command line, 100 images, ${name}: ${seconds.toFixed(2)} s\n`)
    writeResults(values.out, { machine: `${cpus().length} × ${cpus()[0].model}`, rows, commandLine })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Medians of whole calls of the program. */
function timeCommandLine(folder, segments, data) {
  const [annotations, results] = writeImages(folder, 100, segments)
  const words = ['caption-eval', results, annotations, '--cache', folder, '--quiet']
  const call = (more) =>
    timed(() => execFileSync(process.execPath, [program, ...words, ...more], { stdio: 'ignore' }))
  const times = (more) => median(Array.from({ length: 5 }, () => call(more)))
  return {
    'without METEOR': times(['--metrics', 'bleu,rouge-l,cider']),
    'with METEOR': times(['--meteor-data', data]),
  }
}
