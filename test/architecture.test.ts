/** The rooms stay rooms: who may import whom, where a room is entered, and what every file keeps to. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/**
 * Who may import whom; everybody may import `base`. `type X`: X's types alone. A new edge is a design decision: add it
 * with its reason in docs/decisions.md.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  files: [],
  graph: [],
  weights: ['files'],
  text: [],
  metrics: [],
  captions: [], // vl/coco-caption-eval-js, a package of its own
  datasets: ['files', 'metrics'],
  runtime: ['graph'],
  models: ['graph'],
  methods: ['graph', 'models'],
  pruning: ['type models'],
  vl: ['files', 'graph', 'weights', 'runtime', 'models'],
  tasks: ['text', 'metrics', 'vl', 'type datasets'], // vl/tasks too
  training: [
    ...['files', 'graph', 'weights', 'runtime', 'models', 'methods', 'pruning', 'text', 'metrics'],
    ...['vl', 'tasks', 'datasets'],
  ],
  verify: [
    ...['files', 'graph', 'weights', 'runtime', 'models', 'methods', 'pruning', 'metrics'],
    ...['vl', 'tasks', 'datasets', 'training'],
  ],
  // The only room that prints.
  cli: ['files', 'weights', 'runtime', 'methods', 'metrics', 'vl', 'tasks', 'training', 'verify'],
}

const mostLines = 400

interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly text: string
}

interface Import {
  readonly target: string
  readonly typesOnly: boolean
}

const captionPackage = 'vl/coco-caption-eval-js/'

/** The room of a file of the program; scripts and tests have none. */
function roomOf(path: string): string | undefined {
  if (path.startsWith('vl/tasks/')) return 'tasks'
  if (path.startsWith(captionPackage))
    return path.startsWith(`${captionPackage}src/`) ? 'captions' : undefined
  return /^src\/(\w+)\//.exec(path)?.[1] ?? /^(vl|datasets)\//.exec(path)?.[1]
}

const names = String.raw`(?:\w+\s*,\s*)?(?:\w+|\*(?:\s+as\s+\w+)?|\{[^}]*\})`
const importFrom = new RegExp(String.raw`\b(?:import|export)\s+(type\s+)?${names}\s+from\s+'(\.[^']+)'`, 'g')
const importAlone = /\bimport\s*\(?\s*'(\.[^']+)'/g

/** The files that a file imports, by their paths from the root. */
function importsOf({ path, text }: SourceFile): Import[] {
  const found = [
    ...[...text.matchAll(importFrom)].map(([, type, target]) => ({ target: target!, typesOnly: !!type })),
    ...[...text.matchAll(importAlone)].map(([, target]) => ({ target: target!, typesOnly: false })),
  ]
  return found.map(({ target, ...rest }) => ({ target: posix.join(posix.dirname(path), target), ...rest }))
}

/** Imports that leave the room of a file. */
function edgesOf(file: SourceFile): (Import & { readonly from: string; readonly to: string })[] {
  const from = roomOf(file.path)
  if (from === undefined) return []
  return importsOf(file).flatMap((given) => {
    const to = roomOf(given.target) ?? 'no room'
    return to === from ? [] : [{ ...given, from, to }]
  })
}

function allows(from: string, to: string, typesOnly: boolean): boolean {
  const allowed = ['base', ...(mayImport[from] ?? [])]
  return allowed.includes(to) || (typesOnly && allowed.includes(`type ${to}`))
}

interface Rule {
  readonly name: string
  /** One line a fault. */
  faults(file: SourceFile): string[]
  /** What the rule must notice. */
  readonly breaches: readonly SourceFile[]
}

const rules: readonly Rule[] = [
  {
    name: 'is in a room of the table',
    faults: ({ path }) => ((roomOf(path) ?? 'base') in mayImport ? [] : [path]),
    breaches: [{ path: 'src/attic/old.ts', text: '' }],
  },
  {
    name: 'imports rooms that its own may import',
    faults: (file) =>
      edgesOf(file)
        .filter(({ from, to, typesOnly }) => !allows(from, to, typesOnly))
        .map(({ to, target }) => `${file.path} imports ${target} (${to})`),
    breaches: [
      { path: 'src/graph/a.ts', text: "import { t5 } from '../models/index.js'" },
      { path: 'src/models/a.ts', text: "export * from '../methods/index.js'" },
      { path: 'src/weights/a.ts', text: "const later = await import('../runtime/index.js')" },
      { path: 'src/text/a.ts', text: "import '../weights/index.js'" },
      { path: 'vl/a.ts', text: "import {\n  a,\n  type B,\n} from './tasks/index.js'" },
      { path: 'vl/tasks/a.ts', text: "import { openDataSet } from '../../datasets/index.js'" },
      { path: 'src/base/a.ts', text: "import { at } from '../../test/support/weights.js'" },
    ],
  },
  {
    name: 'enters other rooms by their index.ts',
    faults: (file) =>
      edgesOf(file)
        .filter(({ target }) => !/^(src\/\w+|vl|vl\/tasks|datasets)\/index\.js$/.test(target))
        .map(({ target }) => `${file.path} imports ${target}`),
    breaches: [
      { path: 'src/cli/a.ts', text: "import { schedules } from '../training/schedule.js'" },
      { path: 'src/cli/a.ts', text: "import { optimizers } from '../training/optimizers/index.js'" },
      { path: 'vl/tasks/a.ts', text: "import type { Picture } from '../images.js'" },
    ],
  },
  {
    name: 'of the caption metrics needs nothing else, and Node in src/node alone',
    faults: ({ path, text }) => {
      if (!path.startsWith(`${captionPackage}src/`)) return []
      const targets = [...text.matchAll(/\bfrom '([^']+)'/g)].map(([, target]) => target!)
      const others = targets.filter((target) => {
        if (target.startsWith('node:')) return !path.startsWith(`${captionPackage}src/node/`)
        const file = posix.join(posix.dirname(path), target)
        return !target.startsWith('.') || !file.startsWith(`${captionPackage}src/`)
      })
      return others.map((target) => `${path} imports ${target}`)
    },
    breaches: [
      { path: 'vl/coco-caption-eval-js/src/a.ts', text: "import { z } from 'zod'" },
      { path: 'vl/coco-caption-eval-js/src/a.ts', text: "import { readFileSync } from 'node:fs'" },
      {
        path: 'vl/coco-caption-eval-js/src/a.ts',
        text: "import { UserError } from '../../../src/base/index.js'",
      },
    ],
  },
  {
    name: 'prints in cli alone',
    faults: ({ path, text }) =>
      (roomOf(path) ?? 'cli') !== 'cli' && /\bconsole\.|\bprocess\.std(out|err)\b/.test(text) ? [path] : [],
    breaches: [
      { path: 'src/training/a.ts', text: 'console.log(loss)' },
      { path: 'datasets/a.ts', text: "process.stderr.write('.')" },
    ],
  },
  {
    name: `has at most ${mostLines} lines`,
    faults: ({ path, text }) => {
      const lines = text.split('\n').length - 1
      return lines > mostLines ? [`${path} has ${lines}`] : []
    },
    breaches: [{ path: 'test/a.test.ts', text: '\n'.repeat(mostLines + 1) }],
  },
  {
    name: 'has no default export',
    faults: ({ path, text }) => (/^export default\b|\bas default\b/m.test(text) ? [path] : []),
    breaches: [
      { path: 'src/cli/a.ts', text: 'export default command' },
      { path: 'scripts/a.mjs', text: 'export { run as default }' },
    ],
  },
]

const root = fileURLToPath(new URL('..', import.meta.url))

/** Everything written by hand but this file, which is full of breaches. */
const files = ['src', 'vl', 'datasets', 'scripts', 'test'].flatMap(filesIn)

function filesIn(folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((path) => /\.(ts|mjs|py)$/.test(path) && path !== 'test/architecture.test.ts')
    .filter((path) => !path.startsWith(`${captionPackage}dist/`))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** Rooms that lead back to themselves, or to one that does. */
function cyclic(table: typeof mayImport): string[] {
  const rooms = Object.keys(table)
  const leading = (left: readonly string[]): string[] => {
    const next = left.filter((room) => table[room]!.some((to) => left.includes(to.replace('type ', ''))))
    return next.length === left.length ? next : leading(next)
  }
  return leading(rooms)
}

const named = rules.map((rule) => [rule.name, rule] as const)

test.each(named)('every file %s', (_, { faults }) => {
  expect(files.flatMap(faults)).toEqual([])
})

test.each(named)('a breach is noticed: every file %s', (_, { faults, breaches }) => {
  expect(breaches.filter((file) => faults(file).length === 0)).toEqual([])
})

test('the table allows what is used, and nothing else', () => {
  const used = new Set(files.flatMap(edgesOf).map(({ from, to }) => `${from} → ${to}`))
  const allowed = Object.entries(mayImport).flatMap(([from, rooms]) =>
    rooms.map((to) => `${from} → ${to.replace('type ', '')}`),
  )
  expect(allowed.filter((edge) => !used.has(edge))).toEqual([])
})

test('documents name files that exist', () => {
  const documents = ['.', 'docs', 'src/graph'].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) =>
      name.endsWith('.md') ? [posix.join(folder, name)] : [],
    ),
  )
  const missing = documents.flatMap((document) => {
    const text = readFileSync(join(root, document), 'utf8')
    const paths =
      text.match(/\b(?:src|vl|datasets|scripts|test|docs)\/[\w./-]+\.(?:ts|mjs|py|md|json)\b/g) ?? []
    return paths.filter((path) => !existsSync(join(root, path))).map((path) => `${document}: ${path}`)
  })
  expect(missing).toEqual([])
})

test('no room leads back to itself', () => {
  expect(cyclic({ a: [], b: ['a', 'c'], c: ['type b'] })).toEqual(['b', 'c'])
  expect(cyclic(mayImport)).toEqual([])
})
