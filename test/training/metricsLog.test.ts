/** `metrics.jsonl`: a full disk costs no line, and a run that goes on does not repeat any. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import type { StepRecord } from '../../src/training/events.js'
import { MetricsLog, trimMetrics } from '../../src/training/metricsLog.js'
import type { RunFolder } from '../../src/training/runFolder.js'
import { smallDisk } from '../support/smallDisk.js'
import { temporaryFolder } from '../support/weights.js'

const record = (step: number): StepRecord => ({ step, loss: 1 / step }) as StepRecord

describe('lines that find no room', () => {
  test.skipIf(!existsSync('/dev/full'))('are said once, in one line', () => {
    const run: RunFolder = { path: temporaryFolder(), checkpoints: '' }
    symlinkSync('/dev/full', join(run.path, 'metrics.jsonl'))
    const said: UserError[] = []
    const log = new MetricsLog(run, (error) => said.push(error))
    for (const step of [1, 2, 3]) log.append(record(step))
    expect(said).toHaveLength(1)
    expect(said[0]!.message).toMatch(/metrics\.jsonl: cannot be written \(the disk is full\): make room$/)
    expect(() => log.flush()).toThrow(UserError)
  })

  test('wait until there is room; none is lost, doubled or torn', (context) => {
    const disk = smallDisk(64, context)
    const run: RunFolder = { path: disk.path, checkpoints: '' }
    const said: UserError[] = []
    const log = new MetricsLog(run, (error) => said.push(error))
    const steps = Array.from({ length: 400 }, (_, index) => index + 1)
    let release = () => {}
    for (const step of steps) {
      if (step === 3) release = disk.fill(4096)
      if (step === 300) release()
      log.append(record(step))
    }
    expect(said).toHaveLength(1)
    const text = readFileSync(join(run.path, 'metrics.jsonl'), 'utf8')
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).step),
    ).toEqual(steps)
  })
})

describe('metrics.jsonl of a run that goes on', () => {
  const line = (step: number) => JSON.stringify({ step, loss: 1 / step })

  test.each([
    ['as it was', `${[1, 2, 3].map(line).join('\n')}\n`],
    ['with steps that are done again', `${[1, 2, 3, 4, 5].map(line).join('\n')}\n`],
    ['torn in the last line', `${[1, 2, 3].map(line).join('\n')}\n{"step":4,"lo`],
    ['without its last line end', [1, 2, 3].map(line).join('\n')],
  ])('%s', (_, text) => {
    const run: RunFolder = { path: temporaryFolder(), checkpoints: '' }
    const file = join(run.path, 'metrics.jsonl')
    writeFileSync(file, text)
    trimMetrics(run, 3)
    expect(readFileSync(file, 'utf8')).toBe(`${[1, 2, 3].map(line).join('\n')}\n`)
  })

  test('where there is none yet', () => {
    const run: RunFolder = { path: temporaryFolder(), checkpoints: '' }
    trimMetrics(run, 3)
    expect(existsSync(join(run.path, 'metrics.jsonl'))).toBe(false)
  })
})
