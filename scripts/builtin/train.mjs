/**
 * Makes the built-in models again: `npm run builtin -- [--only tokenizer,t5,bart,clip-places,clip-shapes] [--threads N]`.
 *
 * A tokenizer, a small T5 (span corruption), a small BART (text infilling) and a small CLIP (contrastive), trained by
 * this toolkit on drawn scenes alone; about an hour on two cores. Writes `builtin/` and its log.
 */
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { corpusTexts, rareWords } from '../../dist/datasets/world/index.js'
import { bart } from './bart.mjs'
import { rounds, trainClip } from './clip.mjs'
import { pretrain } from './pretrain.mjs'
import { t5 } from './t5.mjs'
import { forms, learnMerges, writeTokenizer } from './tokenizer.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'builtin')
const folders = { t5: join(root, 't5'), bart: join(root, 'bart'), clip: join(root, 'clip') }
const seed = 1

const { values } = parseArgs({ options: { only: { type: 'string' }, threads: { type: 'string' } } })
const threads = Number(values.threads ?? availableParallelism())

/** A logger of one model: to the screen, and into its folder. */
function logInto(folder, goesOn = false) {
  const file = join(folder, 'training.jsonl')
  const start = performance.now()
  if (!goesOn) rmSync(file, { force: true })
  return (record) => {
    const line = JSON.stringify({
      ...record,
      seconds: Math.round((performance.now() - start) / 1000),
      threads,
    })
    console.log(line)
    appendFileSync(file, `${line}\n`)
  }
}

const makers = {
  tokenizer() {
    const common = learnMerges(corpusTexts(4000))
    const all = learnMerges(rareWords, { known: common, mostPieces: 4 })
    for (const [name, folder] of Object.entries(folders)) {
      const tokens = writeTokenizer(name === 'clip' ? common : all, forms[name], folder)
      console.log(`${name}: ${tokens} tokens`)
    }
  },
  t5: () => pretrain(t5, { folder: folders.t5, steps: 6000, seed, threads, log: logInto(folders.t5) }),
  bart: () =>
    pretrain(bart, { folder: folders.bart, steps: 2400, seed, threads, log: logInto(folders.bart) }),
  ...Object.fromEntries(
    Object.entries(rounds).map(([round, { goesOn }]) => [`clip-${round}`, () => clip(round, goesOn)]),
  ),
}

const clip = (round, goesOn) =>
  trainClip({ folder: folders.clip, round, pairs: 8000, seed, threads, log: logInto(folders.clip, goesOn) })

for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true })
const chosen = values.only?.split(',') ?? Object.keys(makers)
for (const name of chosen) await makers[name]()
