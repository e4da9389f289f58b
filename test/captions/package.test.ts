/** What users of the package get, and that its example runs where it was installed. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/weights.js'

const root = fileURLToPath(new URL('../../vl/coco-caption-eval-js', import.meta.url))

const npm = (cwd: string, ...words: readonly string[]) =>
  execFileSync('npm', words, { cwd, encoding: 'utf8', shell: process.platform === 'win32', stdio: 'pipe' })

test('the package holds what runs and what one reads, no data of METEOR, and needs no other', () => {
  const [{ files }] = JSON.parse(npm(root, 'pack', '--dry-run', '--json', '--ignore-scripts')) as [
    { readonly files: readonly { readonly path: string; readonly size: number }[] },
  ]
  const outside = files.map(({ path }) => path).filter((path) => !/^dist\/.+\.(js|d\.ts)$/.test(path))
  expect(outside.toSorted()).toEqual(['LICENSE', 'NOTICE', 'README.md', 'package.json'])
  expect(files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(200_000)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object
  expect(manifest).not.toHaveProperty('dependencies')
})

test('the example runs where the package was installed', () => {
  const folder = temporaryFolder()
  const [{ filename }] = JSON.parse(
    npm(root, 'pack', '--json', '--pack-destination', folder, '--ignore-scripts'),
  ) as [{ readonly filename: string }]
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  npm(folder, 'install', '--ignore-scripts', '--offline', `./${filename}`)
  writeFileSync(join(folder, 'stream.mjs'), readFileSync(join(root, 'examples', 'stream.mjs')))
  const shown = execFileSync(process.execPath, ['stream.mjs'], { cwd: folder, encoding: 'utf8' })
  expect(shown).toMatch(/^Bleu_1 {3}0\.\d{4}$/m)
  expect(shown).toMatch(/^SPICE {4}not computed$/m)
  expect(shown).toMatch(/^best image by CIDEr: \d$/m)
})
