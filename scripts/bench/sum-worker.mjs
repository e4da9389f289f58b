/**
 * One worker of `npm run bench -- workers` that adds gradients: reads lines; `sum` adds 64 MB of all workers, `copy`
 * copies 64 MB in this process alone; each prints {ms, cpuMs}. `quit` ends.
 */
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { nativeRuntime } from '../../dist/src/runtime/index.js'
import { joinSharedGroup } from '../../dist/src/training/index.js'

const text = { type: 'string' }
const { values } = parseArgs({ options: { rank: text, size: text, descriptors: text } })
const group = joinSharedGroup({
  fds: Array.from({ length: Number(values.descriptors) }, (_, i) => 3 + i),
  ...{ rank: Number(values.rank), size: Number(values.size), runtime: nativeRuntime, threads: 1 },
  onNote: (note) => process.stderr.write(`${note}\n`),
})
const elements = 2 ** 24
const arrays = await group.memory([elements])
const [from, to] = [new Float32Array(elements).fill(1), new Float32Array(elements).fill(2)]
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

say({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') break
  if (line === 'sum') for (const array of arrays) array.fill(1)
  if (line === 'sum') await group.exchange(null)
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  if (line === 'sum') await group.sum(arrays)
  if (line === 'copy') to.set(from)
  const { user, system } = process.cpuUsage(cpu)
  say({ ms: performance.now() - start, cpuMs: (user + system) / 1000 })
}
group.close()
