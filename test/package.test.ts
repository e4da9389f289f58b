/** What users get: the package's files, its program, and a build that may run twice at once. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from './support/weights.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (...path: readonly string[]) => readFileSync(join(root, ...path), 'utf8')
const manifest = JSON.parse(read('package.json')) as {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
}
const program = manifest.bin['vl-lst']!
const isWindows = process.platform === 'win32'

describe('the package', () => {
  test('holds the program, what ONNX Runtime needs, and what one reads; nothing else', () => {
    const words = ['pack', '--dry-run', '--json', '--ignore-scripts']
    const packed = execFileSync('npm', words, {
      cwd: root,
      encoding: 'utf8',
      shell: isWindows,
      stdio: 'pipe',
    })
    const [{ files }] = JSON.parse(packed) as [{ readonly files: readonly { readonly path: string }[] }]
    const paths = files.map(({ path }) => path)
    const outside = paths.filter(
      (path) => !/^(builtin|dist|docs|node_modules\/coco-caption-eval-js)\//.test(path),
    )
    expect(outside.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'])
    expect(paths).toContain(program)
    expect(paths).toContain('dist/src/graph/onnx.schema.json')
    expect(paths).toContain('node_modules/coco-caption-eval-js/dist/index.js')
    const strange = /\.(onnx|tar|test\.js)$|^dist\/(test|shared)\//
    expect(paths.filter((path) => strange.test(path))).toEqual([])
    const weights = paths.filter((path) => path.endsWith('.safetensors'))
    const models = ['bart', 'clip', 't5'].map((name) => `builtin/${name}/model.safetensors`)
    expect(weights.toSorted()).toEqual(models)
    for (const path of weights) expect(statSync(join(root, path)).size, path).toBeLessThan(3e6)
  })

  test('does its main job where it was installed', () => {
    const folder = temporaryFolder()
    const npm = (...words: readonly string[]) =>
      execFileSync('npm', words, { cwd: folder, encoding: 'utf8', shell: isWindows, stdio: 'pipe' })
    npm('pack', root, '--ignore-scripts')
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    npm('install', '--ignore-scripts', `./vl-lst-${manifest.version}.tgz`)
    const words = ['train', '--task', 'vqa', '--max-steps', '2', '--cache', 'cache', '--output', 'run']
    const program = ['exec', '--', 'vl-lst', ...words]
    const { stdout, stderr } = spawnSync('npm', program, { cwd: folder, encoding: 'utf8', shell: isWindows })
    expect(stderr).toMatch(/^The built-in models have seen drawn scenes alone/m)
    expect(stdout).toMatch(/^answer type: yes\/no +\d/m)
    expect(existsSync(join(folder, 'run', 'report.md'))).toBe(true)
  }, 600_000)

  test('has a program that starts', () => {
    expect(read(program)).toMatch(/^#!\/usr\/bin\/env node\n/)
    const words = [join(root, program), '--version']
    expect(execFileSync(process.execPath, words, { encoding: 'utf8' })).toBe(`${manifest.version}\n`)
  })

  test('is installed from no registry in particular', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, object> }
    expect(Object.entries(packages).filter(([, about]) => 'resolved' in about && !('link' in about))).toEqual(
      [],
    )
  })

  test('has its version on top of the changelog', () => {
    expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(manifest.version)
  })
})

/** A project of one file with this project's build, compiler and settings. */
function smallProject(): string {
  const folder = temporaryFolder()
  const workspace = 'vl/coco-caption-eval-js'
  const copied = ['package.json', 'tsconfig.json', 'scripts/build.mjs']
  for (const name of [...copied, `${workspace}/package.json`, `${workspace}/tsconfig.json`])
    cpSync(join(root, name), join(folder, name))
  mkdirSync(join(folder, workspace, 'src'))
  writeFileSync(join(folder, workspace, 'src/index.ts'), 'export const answer = 42\n')
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  for (const name of ['src/cli', 'vl', 'datasets']) mkdirSync(join(folder, name), { recursive: true })
  change(folder, "process.stdout.write('first')")
  return folder
}

const sourceOf = (folder: string) => join(folder, 'src/cli/main.ts')
const change = (folder: string, text: string) =>
  writeFileSync(sourceOf(folder), `#!/usr/bin/env node\n${text}\n`)

/** @returns the exit code */
function build(folder: string): Promise<number | null> {
  const child = spawn(process.execPath, [join(folder, 'scripts/build.mjs')], { cwd: folder })
  return new Promise((done) => child.on('close', done))
}

const outputOf = (folder: string) =>
  execFileSync(process.execPath, [join(folder, program)], { encoding: 'utf8' })

describe('the build', () => {
  test('may run several times at once', async () => {
    const folder = smallProject()
    expect(await Promise.all([1, 2, 3].map(() => build(folder)))).toEqual([0, 0, 0])
    expect(outputOf(folder)).toBe('first')
    expect(readdirSync(folder).filter((name) => name.startsWith('.build-'))).toEqual([])
  })

  test('makes anew what changed, and nothing else', async () => {
    const folder = smallProject()
    await build(folder)
    const made = statSync(dirname(join(folder, program))).ino
    await build(folder)
    expect(statSync(dirname(join(folder, program))).ino).toBe(made)
    change(folder, "process.stdout.write('second')")
    expect(await build(folder)).toBe(0)
    expect(outputOf(folder)).toBe('second')
  })

  test('that fails says so, and leaves what was there', async () => {
    const folder = smallProject()
    await build(folder)
    change(folder, 'const text: string = 2\nprocess.stdout.write(text)')
    expect(await build(folder)).toBe(1)
    expect(outputOf(folder)).toBe('first')
  })

  test('leaves a program that others may run', async () => {
    const folder = smallProject()
    await build(folder)
    for (const path of isWindows ? [] : ['dist', program])
      expect(statSync(join(folder, path)).mode & 0o755, path).toBe(0o755)
  })
})
