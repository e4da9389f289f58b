/**
 * The module that a worker process runs: signs of life first, then what its parent orders. It tells how it ended, and
 * waits to be ended.
 */
import type { Report } from '../events.js'
import { heartFd } from './crew.js'
import { startHeart } from './heart.js'
import type { FromWorker, ToWorker } from './messages.js'
import { tellError } from './toldError.js'

/** A terminal sends these to the parent too, and it decides. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
const beating = startHeart(heartFd)

const say = (message: FromWorker) => process.send!(message)
const fail = (error: unknown) => say({ kind: 'failed', error: tellError(error) })
for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, fail)

const interruption = new AbortController()
const { signal } = interruption
process.on('message', async (message: ToWorker) => {
  if (message.kind === 'stop') return interruption.abort()
  try {
    await beating
    const { work } = await import('./work.js')
    const report: Report = (event) => say({ kind: 'event', event })
    say({ kind: 'done', result: await work(message, { signal, report }) })
  } catch (error) {
    if (signal.aborted && error === signal.reason) say({ kind: 'stopped' })
    else fail(error)
  }
})
