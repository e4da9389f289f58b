/** Starts the built program as its users do, and makes what it reads. */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll } from 'vitest'
import { readTar } from '../../datasets/tar.js'
import { describeError } from '../../src/cli/errors.js'
import { runProgram } from '../../src/cli/program.js'
import { tarOf } from '../datasets/pictures.js'
import { shared } from '../support/weights.js'

const program = resolve(process.env.VL_LST_DIST ?? 'dist', 'src/cli/main.js')

export const t5Mini = resolve(shared('data', 't5-mini'))

/** Below the time that a test has, so that a program that hangs is ended and its test fails. */
const longestMs = 60_000

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when standard error or output has shown this. */
  shown(text: string | RegExp): Promise<void>
}

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vl-lst-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** One cache for all tests of a file: nothing is left in the user's own. */
const cache = temporaryFolder()

type Environment = Readonly<Record<string, string>>

type StartOptions = readonly [cwd?: string, over?: Environment, timeout?: number]

/** @param over variables of its environment that differ */
export function start(
  words: readonly string[],
  cwd: string = cache,
  over: Environment = {},
  timeout: number = longestMs,
): Started {
  const env = { ...process.env, VL_LST_CACHE: join(cache, 'cache'), NO_COLOR: '1', ...over }
  const child = spawn(process.execPath, [program, ...words], {
    cwd,
    env,
    timeout,
    killSignal: 'SIGKILL',
  })
  let [out, err] = ['', '']
  const listeners = new Set<() => void>()
  const note = () => {
    for (const listener of listeners) listener()
  }
  child.stdout.on('data', (chunk) => {
    out += chunk
    note()
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
    note()
  })
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, out, err })))
  const shown = (text: string | RegExp) =>
    new Promise<void>((done, failed) => {
      const look = () => (out + err).search(text) >= 0 && done()
      listeners.add(look)
      look()
      void ended.then((end) => failed(new Error(`it ended without showing ${text}: ${JSON.stringify(end)}`)))
    })
  return { child, ended, shown }
}

export function run(words: readonly string[], ...where: StartOptions): Promise<Ended> {
  return start(words, ...where).ended
}

/** What the program would end with, found in this process: for tables of what it refuses. */
export async function refusedHere(words: readonly string[]): Promise<Ended> {
  try {
    await runProgram(words)
  } catch (error) {
    const { text, exitCode } = describeError(error, { debug: false })
    return { code: exitCode, out: '', err: text }
  }
  throw new Error(`${words.join(' ')} was not refused`)
}

/** What an error of the command line looks like: one line, no stack, nothing on standard output. */
export function refusal(text: string): Ended {
  return { code: 2, out: '', err: `vl-lst: ${text}\n` }
}

/** easy-VQA with its first pictures only: a training that takes seconds. */
export async function smallEasyVqa(folder: string, pictures = 10): Promise<string> {
  mkdirSync(folder, { recursive: true })
  for (const split of ['train', 'test']) {
    const source = (name: string) => shared('data', 'easy-vqa', `${split}-${name}`)
    const members = await readTar(source('images.tar'))
    const kept = [...members].filter(([name]) => Number.parseInt(name, 10) < pictures)
    writeFileSync(join(folder, `${split}-images.tar`), await tarOf(Object.fromEntries(kept)))
    const questions = JSON.parse(readFileSync(source('questions.json'), 'utf8')) as [string, string, number][]
    const about = questions.filter(([, , image]) => image < pictures)
    writeFileSync(join(folder, `${split}-questions.json`), JSON.stringify(about))
  }
  return folder
}

/** A copy of t5-mini that may be damaged. */
export function copiedT5(folder: string): string {
  cpSync(t5Mini, folder, { recursive: true, filter: (path) => !path.endsWith('recorded.json') })
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644)
  return folder
}
