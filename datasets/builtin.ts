/** The built-in world: drawn once, then read as the official files that it is written in. */
import { cacheFolder } from '../src/files/index.js'
import type { DataSetReader } from './samples.js'
import { vqaOfficial } from './vqaOfficial.js'
import { buildWorld } from './world/index.js'

export const builtin: DataSetReader = {
  name: 'builtin',
  tasks: ['vqa'],
  layout: 'no files: scenes that are drawn into the cache folder',
  recognises: (path) => path === 'builtin',
  async read(_, { cache = cacheFolder(), onProgress, ...options }) {
    const folder = await buildWorld(cache, {
      ...options,
      ...(onProgress
        ? { onProgress: (done: number, total: number) => onProgress('drawing scenes', done, total) }
        : {}),
    })
    return { ...(await vqaOfficial.read(folder, options)), name: 'builtin' }
  },
}
