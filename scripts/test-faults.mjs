/**
 * Kills runs of two workers at many random moments, and goes on with each to the end:
 *
 *   npm run test:faults -- [--points 100] [--seed 7]
 *
 * It is the table of `test/cli/killed.test.ts`, of which every run of the tests has five points.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const text = { type: 'string' }
const { values } = parseArgs({ options: { points: { ...text, default: '100' }, seed: text } })
const env = { ...process.env, VL_LST_FAULT_POINTS: values.points }
if (values.seed !== undefined) env.VL_LST_FAULT_SEED = values.seed
const words = ['vitest', 'run', 'test/cli/killed.test.ts', '--reporter', 'verbose']
process.exitCode = spawnSync('npx', words, { stdio: 'inherit', env }).status ?? 1
