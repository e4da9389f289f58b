/** What one worker of a training run does. */
import { chooseRuntime, limitThreads } from '../../runtime/index.js'
import type { TrainResult } from '../events.js'
import type { TrainOptions } from '../loop.js'
import { trainHere } from '../trainHere.js'
import { inheritedFds } from './crew.js'
import type { Orders } from './messages.js'
import { joinSharedGroup } from './sharedMemory.js'

/** @param context rank 0 alone reports */
export async function work(
  { rank, size, device, shared, threads, config, options }: Orders,
  { signal, report }: Pick<TrainOptions, 'signal' | 'report'>,
): Promise<TrainResult> {
  limitThreads(threads)
  const told: TrainOptions['report'] = rank === 0 ? report : () => {}
  const onNote = (text: string) => told({ kind: 'note', text })
  const runtime = chooseRuntime(onNote, device)
  const group = joinSharedGroup({
    ...{ fds: inheritedFds(shared), rank, size, runtime: runtime.host, onNote },
    threads: config.threads ?? threads,
  })
  // The parent has made what is made once, or found it.
  return await trainHere(config, { ...options, ...{ group, runtime, signal, report: told, isCached: true } })
}
