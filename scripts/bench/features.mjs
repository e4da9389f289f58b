/** Time of a vision encoder's features, ours and PyTorch's by turns: both are up at once, and never both at work. */
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median, writeResults } from './results.mjs'
import { Worker } from './worker.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const shared = process.env.VL_LST_SHARED ?? join(here, '../../../shared')
const text = (value) => ({ type: 'string', default: value })
/** Both engines' threads go on spinning for a while after their work. */
const restMs = 300

export async function benchFeatures(args) {
  const { values } = parseArgs({
    args,
    options: {
      python: text('python3'),
      pairs: text('5'),
      threads: text('2'),
      shape: text('vit-b32'),
      pictures: text(join(shared, 'data/coco-mini/images')),
      count: text('192'),
      cache: text(join(tmpdir(), 'vl-lst-bench')),
      out: text(join(here, 'out', 'features.json')),
    },
  })
  const { shape, pictures, count, threads, cache, python } = values
  const common = ['--pictures', pictures, '--count', count, '--threads', threads]
  const ours = new Worker(process.execPath, [
    ...[join(here, 'features-worker.mjs'), '--vision', `random:${shape}`, '--cache', cache],
    ...common,
  ])
  await ours.next()
  const weights = join(cache, 'random', `${shape}-vision-seed0.safetensors`)
  const peer = new Worker(python, [
    ...[join(here, 'peers', 'clip_features.py'), '--shape', shape, '--weights', weights],
    ...common,
  ])
  await peer.next()
  const passes = { ours: [], peer: [] }
  for (let i = -1; i < Number(values.pairs); i++) {
    for (const [name, worker] of [
      ['ours', ours],
      ['peer', peer],
    ]) {
      await sleep(restMs)
      const pass = await worker.ask('pass')
      if (i >= 0) passes[name].push(pass)
    }
  }
  await Promise.all([ours.quit(), peer.quit()])
  const result = {
    ...{ date: new Date().toISOString(), processor: cpus()[0].model, shape, threads: Number(threads) },
    pictures: passes.ours[0].pictures,
    ours: summary(passes.ours),
    peer: summary(passes.peer),
    speed: median(passes.ours.map(({ ms }, i) => passes.peer[i].ms / ms)),
    difference: difference(passes.ours[0].first, passes.peer[0].first),
  }
  process.stdout.write(`${describe(result)}\n`)
  writeResults(values.out, result)
}

const summary = (passes) => ({
  medianMs: median(passes.map(({ ms }) => ms)),
  medianCpuMs: median(passes.map(({ cpuMs }) => cpuMs)),
})

/** ‖ours − peer's‖ / ‖peer's‖: JPEG decoders differ by a unit here and there, and nothing else may. */
function difference(ours, peer) {
  const [a, b] = [ours.flat(), peer.flat()]
  const norm = (numbers) => Math.hypot(...numbers)
  return norm(a.map((value, i) => value - b[i])) / norm(b)
}

function describe({ shape, pictures, threads, ours, peer, speed, difference: off }) {
  const each = (side) => `${(side.medianMs / pictures).toFixed(1)} ms`
  return [
    `${shape}, ${pictures} pictures, ${threads} threads: a picture ${each(ours)} / ${each(peer)},`,
    `${speed.toFixed(3)} times as fast as PyTorch; features differ by ${off.toExponential(1)}`,
  ].join(' ')
}
