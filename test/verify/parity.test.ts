/** Recorded cases must pass: copies of some always, all of them where the folder of recorded cases is there. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { verifyCase } from '../../src/verify/index.js'
import { shared } from '../support/weights.js'
import { copied } from './cases.js'

/** Every `GROUP/NAME` below a folder. */
function casesIn(root: string): string[] {
  const groups = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return groups.flatMap(({ name: group }) =>
    readdirSync(join(root, group))
      .filter((name) => existsSync(join(root, group, name, 'case.json')))
      .map((name) => `${group}/${name}`),
  )
}

/** For METEOR's tables, which are made once. */
const cache = mkdtempSync(join(tmpdir(), 'vl-lst-parity-'))
afterAll(() => rmSync(cache, { recursive: true, force: true }))

const summary = async (path: string, precision?: 'float32') => {
  const result = await verifyCase(path, { cache, threads: 2, ...(precision ? { precision } : {}) })
  const { faults } = { faults: [] as readonly string[], ...result }
  return { outcome: result.outcome, faults }
}
const passed = { outcome: 'passed', faults: [] }

describe('the copies pass', () => {
  test.each(casesIn(copied('.')))('%s', async (name) => {
    expect(await summary(copied(name))).toEqual(passed)
  })
})

/** What the program has, of all that is recorded; every other case must say that it isn't supported. */
const supported = [
  /^vl\/(norms|optimizer-adamw|relative-buckets|prune-.*|visual-embedding-.*|(t5|bart)-.*)$/,
  /^vl-tasks\/(loss-(vqa|gqa|nlvr|caption)-(t5|bart)(-lst)?|generate-(t5|bart)-.*-greedy.*|text-vqa-.*|metric-vqa-accuracy)$/,
  /^caption\//,
  /^clip\/(vit-.*|text-forward|contrastive-.*|openai-names-vit|preprocess)$/,
  /^glue\/((t5|bart)-.*|optimize-.*|prune-.*|generate-.*-greedy|text-.*|metric-.*)$/,
]
const isSupported = (name: string) => supported.some((pattern) => pattern.test(name))

/** Their gradients are sums that cancel, and the tolerance is below what float32 leaves of them. */
const beyondFloat32 = ['vl-tasks/loss-vqa-t5-lst', 'vl-tasks/loss-caption-t5-lst']

const root = shared('parity')
const strict = process.env.VL_LST_STRICT === '1'
const all = existsSync(root) ? casesIn(root) : []

test.skipIf(all.length === 0 && !strict)(`recorded cases are in ${root}`, () => {
  expect(all.length, `no recorded cases in ${root}: set VL_LST_SHARED`).toBeGreaterThan(0)
})

describe.skipIf(all.length === 0)('all recorded cases', () => {
  test.each(all.filter(isSupported))('%s passes', async (name) => {
    expect(await summary(join(root, name))).toEqual(passed)
  })

  test.each(all.filter((name) => isSupported(name) && !beyondFloat32.includes(name)))(
    '%s passes in float32, as training computes',
    async (name) => {
      expect(await summary(join(root, name), 'float32')).toEqual(passed)
    },
  )

  test('the others are said to be not supported', async () => {
    for (const name of all.filter((other) => !isSupported(other)))
      expect([name, (await verifyCase(join(root, name))).outcome]).toEqual([name, 'not supported'])
  })
})
