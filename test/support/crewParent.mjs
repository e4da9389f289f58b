/** A parent to be killed: starts workers that each do as told, and prints their process numbers. */
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const built = (name) =>
  import(pathToFileURL(join(resolve(process.env.VL_LST_DIST ?? 'dist'), 'src/training/workers', name)).href)
const [{ Crew }, { Watch }] = await Promise.all([built('crew.js'), built('watch.js')])

const acts = process.argv.slice(2)
new Crew({
  entry: fileURLToPath(new URL('crewMember.mjs', import.meta.url)),
  orders: acts.map((act) => ({ act })),
  inherit: [],
  watch: new Watch(acts.length),
  onMessage: (rank, { pid }) => console.log(JSON.stringify({ rank, pid })),
  onLost: () => {},
})
