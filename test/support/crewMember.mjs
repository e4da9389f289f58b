/** A worker that is no good, for tests of the parent: `fork` of the built program's crew. */

import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const built = (name) =>
  import(pathToFileURL(join(resolve(process.env.VL_LST_DIST ?? 'dist'), 'src/training/workers', name)).href)

const [{ heartFd }, { startHeart }] = await Promise.all([built('crew.js'), built('heart.js')])
const beating = startHeart(heartFd)

const acts = {
  wait: () => {},
  /** As a long call into native code does. */
  block: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  exit: () => process.exit(3),
  /** What it said last must be heard though it ends at once. */
  confess: () => process.send({ said: 'sorry' }, () => process.exit(4)),
}
process.on('message', async ({ act }) => {
  await beating
  process.send({ pid: process.pid }, () => setTimeout(acts[act], 50))
})
