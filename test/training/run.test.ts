import { expect, test } from 'vitest'
import { join } from 'node:path'
import { execSync } from 'node:child_process'
import { runTraining, writeWorld } from '../support/runs.js'
import { temporaryFolder } from '../support/weights.js'
import { openTokenizer } from '../../src/text/index.js'
test('x', async () => {
  const f = temporaryFolder()
  const w = await writeWorld(f)
  const t = openTokenizer(w.backbone)
  console.log(t.vocabularySize, t.encode('vqa: what colour is this ?'), t.decode([0, 12, 1]), t.decode(t.encode('is this red ?')))
  const t0 = performance.now()
  const { result, events } = await runTraining(w, {}, { run: join(f, 'run') })
  console.log(performance.now() - t0, JSON.stringify(result), events.map((e) => e.kind))
  console.log(execSync(`ls -lR ${f}/run; cat ${f}/run/report.md ${f}/run/metrics.jsonl ${f}/run/config.yaml ${f}/run/predictions/*.json ${f}/run/checkpoints/*3/*.json`).toString())
})
