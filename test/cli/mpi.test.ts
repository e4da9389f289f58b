/** `vl-lst train` under mpirun. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { dist, mpiKinds, startMpi, withoutMpi } from '../support/mpi.js'
import { metricsOf, type World, writeWorld } from '../support/runs.js'
import { run, temporaryFolder } from './program.js'

const folder = temporaryFolder()
let world: World
beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
  const one = await run(train('one', ...ten, '--threads', '1'), folder)
  expect(one.code, one.err).toBe(0)
})

const main = join(dist, 'src', 'cli', 'main.js')
const ten = ['--max-steps', '10']

/** Eight samples a step, ten steps unless said otherwise. */
const train = (output: string, ...rest: readonly string[]) => [
  ...['train', '--task', 'vqa', '--backbone', world.backbone, '--dataset', world.dataset],
  ...['--vision', 'patches', '--cache', world.cache, '--seed', '5', '--epochs', '100'],
  ...['--batch-size', '8', '--dropout', '0.1', '--output', output, ...rest],
]

const losses = (output: string) => metricsOf(join(folder, output)).map(({ loss }) => loss as number)

describe.skipIf(withoutMpi).each(mpiKinds)('under the mpirun of %s', (kind) => {
  test('two processes have one process’s losses, and the first one alone tells and writes', async () => {
    const words = [main, ...train(`two-${kind}`, ...ten)]
    const two = await startMpi(kind, 2, words, { cwd: folder }).ended
    expect(two.code, two.err).toBe(0)
    const [alone, shared] = [losses('one'), losses(`two-${kind}`)]
    expect(shared).toHaveLength(10)
    for (const [step, loss] of alone.entries())
      expect(Math.abs(shared[step]! - loss), `step ${step + 1}`).toBeLessThanOrEqual(1e-5 * Math.abs(loss))
    expect(two.out.match(/^validation$/gm)).toHaveLength(1)
    expect(two.err.match(/parameters train/g)).toHaveLength(1)
    expect(readdirSync(join(folder, `two-${kind}`)).sort()).toEqual(
      ['best', 'checkpoints', 'config.yaml', 'last', 'metrics.jsonl', 'predictions', 'report.md'].sort(),
    )
  })

  test('the share of the cores is no setting of the run, and workers of its own are none of a group', async () => {
    const output = `alone-${kind}`
    const file = join(folder, `${output}.yaml`)
    writeFileSync(file, 'workers: 1\ngpus: null\nmax-restarts: 0\n') // as the config.yaml of a run has them
    const first = [main, ...train(output, '--max-steps', '2', '--config', file)]
    const { code, err } = await startMpi(kind, 2, first, { cwd: folder }).ended
    expect(code, err).toBe(0)
    const path = join(folder, output, 'config.yaml')
    const settings = readFileSync(path, 'utf8')
    expect(settings).toMatch(/^threads: null$/m)
    writeFileSync(path, settings.replace('workers: 1', 'workers: 4').replace('restarts: 0', 'restarts: 2'))
    const again = [main, 'train', '--resume', output, '--max-steps', '4']
    const resumed = await startMpi(kind, 2, again, { cwd: folder }).ended
    expect(resumed.code, resumed.err).toBe(0)
    expect(losses(output)).toHaveLength(4)
  })

  test.each([
    ['workers: 2', /"workers" is for one machine, and mpirun/],
    ['gpus: [0]', /"gpus" is for one machine, and mpirun .* choose with --device/],
    ['max-restarts: 1', /"max-restarts" is for one machine, and mpirun .* go on with --resume/],
  ])('a file’s %s is refused in one line', async (text, line) => {
    const file = join(folder, 'own.yaml')
    writeFileSync(file, `${text}\n`)
    const words = [main, ...train('never', ...ten, '--config', file)]
    const { code, err } = await startMpi(kind, 2, words, { cwd: folder }).ended
    expect(code).toBe(2)
    expect(err.match(/^vl-lst: .*/gm), err).toEqual([expect.stringMatching(line)])
  })

  test.each([
    ['--backbone', 'nowhere'],
    ['--learning-rate', 'fast'],
  ])('%s %s is told once, with exit code 2', async (...bad) => {
    const words = [main, ...train('never', ...ten, ...bad)]
    const { code, out, err } = await startMpi(kind, 2, words, { cwd: folder }).ended
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err.match(/^vl-lst: /gm), err).toHaveLength(1)
    expect(err).toContain(bad[1])
    expect(existsSync(join(folder, 'never'))).toBe(false)
  })

  test('what is wrong for one process alone is told by it, and ends all', async () => {
    const [good, bad] = [[], ['--backbone', 'nowhere']].map((rest) => [
      main,
      ...train(`uneven-${kind}`, ...ten, ...rest),
    ])
    const words = [...good!, ':', '-n', '1', process.execPath, ...bad!]
    const { code, err } = await startMpi(kind, 1, words, { cwd: folder }).ended
    expect(code, err).toBe(2)
    expect(err.match(/^vl-lst: worker 1 on .*nowhere/gm) ?? err).toHaveLength(1)
  })

  test('a process that is killed takes the others with it', async () => {
    const words = [main, ...train(`killed-${kind}`, '--max-steps', '100000')]
    const { shown, ended } = startMpi(kind, 2, words, { cwd: folder })
    await shown('step 1/')
    const [first] = processesOf(`killed-${kind}`)
    process.kill(first!, 'SIGKILL')
    expect((await ended).code).not.toBe(0)
    expect(processesOf(`killed-${kind}`)).toEqual([])
  })
})

/** Open MPI's mpirun kills on Ctrl-C; see docs/decisions.md. */
test.skipIf(withoutMpi)(
  'Ctrl-C at MPICH’s mpirun: the state is saved, one line says how to go on, and each process ends with 130',
  async () => {
    const codes = join(folder, 'codes')
    const hook = join(folder, 'hook.mjs')
    writeFileSync(
      hook,
      `import { appendFileSync } from 'node:fs'
      process.on('exit', (code) => appendFileSync(${JSON.stringify(codes)}, code + '\\n'))`,
    )
    const { shown, interrupt, ended } = startMpi(
      'MPICH',
      2,
      ['--import', hook, main, ...train('interrupted', '--max-steps', '100000')],
      { cwd: folder },
    )
    await shown('step 1/')
    interrupt()
    const { err } = await ended // its own code is 0 at times, whatever the processes' are
    expect(readFileSync(codes, 'utf8'), err).toBe('130\n130\n')
    expect(err.match(/^vl-lst: interrupted after step \d+, state saved: go on with/gm)).toHaveLength(1)
    expect(readdirSync(join(folder, 'interrupted'))).toContain('last')
  },
)

/** The workers of a run that are alive. */
function processesOf(output: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(join('/proc', pid, 'cmdline'), 'utf8').split('\0')
        return words[0] === process.execPath && words.includes(output)
      } catch {
        return false // it has ended meanwhile
      }
    })
    .map(Number)
}
