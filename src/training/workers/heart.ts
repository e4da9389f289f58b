/**
 * A worker's sign of life, from a thread of its own: it beats while the main thread computes, stops when the process is
 * stopped, and ends the process when its parent is gone.
 */
import { once } from 'node:events'
import { Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { beatMs } from './watch.js'

/**
 * @param fd a worker's end of the pipe that its parent listens at
 * @returns resolves when it beats
 */
export async function startHeart(fd: number): Promise<void> {
  const heart = new Worker(new URL(import.meta.url), { workerData: fd })
  heart.unref()
  await once(heart, 'message')
}

function beat(fd: number): void {
  const pipe = new Socket({ fd })
  pipe.on('error', () => {}) // closes it
  pipe.on('close', () => process.kill(process.pid, 'SIGKILL'))
  pipe.resume()
  const beatOnce = () => {
    if (pipe.writableLength === 0) pipe.write('.') // else the parent is stopped, and does not listen
  }
  beatOnce()
  setInterval(beatOnce, beatMs)
  parentPort?.postMessage('beating')
}

if (!isMainThread && typeof workerData === 'number') beat(workerData)
