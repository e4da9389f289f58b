/** METEOR's real data: found, proved, made into its compact form once, and found again. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Meteor } from 'coco-caption-eval-js'
import { openMeteor } from 'coco-caption-eval-js/node'
import { describe, expect, test } from 'vitest'
import { shared, temporaryFolder } from '../support/weights.js'

const data = shared('data', 'meteor')
const isMissing = !existsSync(data) && process.env.VL_LST_STRICT !== '1'

/** A copy of the data with one file changed. */
function copied(change: (folder: string) => void): string {
  const folder = temporaryFolder()
  for (const name of readdirSync(data)) copyFileSync(join(data, name), join(folder, name))
  change(folder)
  return folder
}

describe.skipIf(isMissing)('with the whole data', () => {
  test('two processes that make the compact form at once leave one whole file, which is then found', async () => {
    const cache = temporaryFolder()
    const script = `
      import { openMeteor } from 'coco-caption-eval-js/node'
      openMeteor({ folder: ${JSON.stringify(data)}, cache: ${JSON.stringify(cache)} })`
    const start = () => promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    await Promise.all([start(), start()])
    const files = readdirSync(join(cache, 'meteor'))
    expect(files).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.bin$/)])
    const open = () => {
      let made = false
      const onMake = () => {
        made = true
      }
      return { tables: openMeteor({ folder: data, cache, onMake }), made }
    }
    const { tables, made } = open()
    expect(made).toBe(false)
    const { score } = new Meteor(tables).segment({
      hypothesis: 'a boy with a baseball glove and ball',
      references: ['a kid with a glove and a ball'],
    })
    expect(score).toBeCloseTo(0.4072464455037553, 12) // recorded
    truncateSync(join(cache, 'meteor', files[0]!), 5000)
    expect(open().made).toBe(true)
  }, 1_200_000)

  test.each<[string, (folder: string) => void, RegExp]>([
    [
      'a file cut off',
      (folder) => truncateSync(join(folder, 'synsets-en.txt.br'), 1000),
      /synsets-en\.txt\.br is cut off or damaged: copy it again$/,
    ],
    [
      'the paraphrase table cut off',
      (folder) => truncateSync(join(folder, 'paraphrase-en.txt.br'), 100_000),
      /paraphrase-en\.txt\.br is cut off or damaged: copy it again$/,
    ],
    [
      'a file with another content',
      (folder) => writeFileSync(join(folder, 'function-words-en.txt'), 'a\nthe\n'),
      /function-words-en\.txt is not METEOR 1\.5's \(SHA-256 [0-9a-f]{12}…, 2ae0d5b8c29e… is expected\): copy it again$/,
    ],
    [
      'something that is no program of METEOR',
      (folder) => writeFileSync(join(folder, 'meteor-1.5.jar'), 'PK'),
      /meteor-1\.5\.jar is cut off or damaged: copy it again$/,
    ],
  ])('%s is refused', (_, change, message) => {
    const cache = temporaryFolder()
    expect(() => openMeteor({ folder: copied(change), cache })).toThrow(message)
    expect(readdirSync(cache)).toEqual([])
  })
})

test('a folder without the data is refused', () => {
  const folder = temporaryFolder()
  expect(() => openMeteor({ folder, cache: folder })).toThrow(
    `${folder} has no synsets-en.txt: name the folder of METEOR's data, or of METEOR 1.5 with its .jar`,
  )
})

test("METEOR's own layout is found: its zip, and the table in data", () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'data'))
  const names = [
    'synonym/english.synsets',
    'synonym/english.exceptions',
    'function/english.words',
    'nonbreaking/english.prefixes',
  ]
  writeFileSync(join(folder, 'meteor-1.5.jar'), zipOf(Object.fromEntries(names.map((name) => [name, 'a\n']))))
  writeFileSync(join(folder, 'data', 'paraphrase-en.gz'), '')
  // Found, and then refused for what it holds.
  expect(() => openMeteor({ folder, cache: folder })).toThrow(
    /^synonym\/english\.synsets is not METEOR 1\.5's/,
  )
})

/** A zip of files that are stored as they are. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = []
  const entries: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(files)) {
    const local = Buffer.alloc(30)
    local.write('PK\x03\x04', 'latin1')
    local.writeUInt16LE(name.length, 26)
    locals.push(local, Buffer.from(name), Buffer.from(text))
    const entry = Buffer.alloc(46)
    entry.write('PK\x01\x02', 'latin1')
    for (const at of [20, 24]) entry.writeUInt32LE(text.length, at)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(offset, 42)
    entries.push(entry, Buffer.from(name))
    offset += 30 + name.length + text.length
  }
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(Object.keys(files).length, 10)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, ...entries, end])
}
