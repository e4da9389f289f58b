/** Files and lines of each room, so that growth is seen: `npm run size`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where code lies; a room is counted without the rooms inside it. */
const rooms = [
  ...readdirSync(join(root, 'src')).map((name) => join('src', name)),
  ...['vl', join('vl', 'tasks'), join('vl', 'coco-caption-eval-js'), 'datasets', 'scripts', 'test'],
]

/** The room of a file: the longest path that it lies under. */
function roomOf(path) {
  return rooms.filter((room) => path.startsWith(room + sep)).sort((a, b) => b.length - a.length)[0]
}

const sizes = new Map(rooms.map((room) => [room, { files: 0, lines: 0 }]))
for (const top of ['src', 'vl', 'datasets', 'scripts', 'test']) {
  for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(ts|mjs|py)$/.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    if (relative(root, path).split(sep).includes('dist')) continue
    const size = sizes.get(roomOf(relative(root, path)))
    size.files++
    size.lines += readFileSync(path, 'utf8').split('\n').length - 1
  }
}

const counted = [...sizes].filter(([, { files }]) => files > 0)
const program = counted.filter(([room]) => room !== 'scripts' && room !== 'test')
const sum = (key) => program.reduce((total, [, size]) => total + size[key], 0)
const rows = [...counted, ['the program', { files: sum('files'), lines: sum('lines') }]]
process.stdout.write(`${'room'.padEnd(16)}${'files'.padStart(6)}${'lines'.padStart(8)}\n`)
for (const [room, { files, lines }] of rows)
  process.stdout.write(`${room.padEnd(16)}${String(files).padStart(6)}${String(lines).padStart(8)}\n`)
