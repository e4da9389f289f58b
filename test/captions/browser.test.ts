/** The same package in a real browser: the files as they are published, METEOR's tables as bytes. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CaptionEvaluator, compactMeteor, type Evaluation } from 'coco-caption-eval-js'
import { chromium } from 'playwright-core'
import { expect, test } from 'vitest'
import { tinySources, tinyTables } from './tinyMeteor.js'

const dist = fileURLToPath(new URL('../../vl/coco-caption-eval-js/dist', import.meta.url))

/** Debian's, or the one that is named. */
const browser = process.env.CHROMIUM ?? '/usr/bin/chromium'
const isMissing = !existsSync(browser)
if (isMissing)
  process.stderr.write(
    `\nNOT TESTED IN A BROWSER: there is no ${browser} (apt-get install chromium, or set CHROMIUM)\n\n`,
  )

const images = [
  [1, 'a kitten sits on the mat', ['a cat sat on a mat', 'the cat is on the mat']],
  [2, 'two dogs run \u{1f600}', ["Two dogs are running, aren't they?"]],
] as const

/** The page, the package's files, and METEOR's tables. */
function serve() {
  const tables = compactMeteor(tinySources)
  const server = createServer(({ url = '' }, response) => {
    const path = join(dist, url)
    if (url === '/') response.setHeader('content-type', 'text/html').end('<!doctype html>')
    else if (url === '/tables') response.end(tables)
    else if (existsSync(path)) response.setHeader('content-type', 'text/javascript').end(readFileSync(path))
    else response.writeHead(404).end()
  })
  return new Promise<{ readonly address: string; close(): void }>((ready) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      ready({ address: `http://127.0.0.1:${port}/`, close: () => server.close() })
    })
  })
}

/** Runs in the page. */
const evaluateThere = `async (images) => {
  const { CaptionEvaluator, MeteorTables } = await import('/index.js')
  const bytes = await (await fetch('/tables')).arrayBuffer()
  const evaluator = new CaptionEvaluator({ meteor: new MeteorTables(new Uint8Array(bytes)) })
  for (const image of images) evaluator.add(...image)
  return evaluator.result()
}`

/** Another engine rounds powers otherwise in the last bit. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each === 'number' ? Number(each.toPrecision(12)) : each,
  )

const strict = process.env.VL_LST_STRICT === '1'

test.skipIf(isMissing && !strict)(
  'a browser computes what Node does',
  async () => {
    const served = await serve()
    const started = await chromium.launch({ executablePath: browser, args: ['--no-sandbox'] })
    try {
      const page = await started.newPage()
      await page.goto(served.address)
      const there = (await page.evaluate(`(${evaluateThere})(${JSON.stringify(images)})`)) as Evaluation
      const here = new CaptionEvaluator({ meteor: tinyTables() })
      for (const [id, hypothesis, references] of images) here.add(id, hypothesis, references)
      expect(rounded(there)).toEqual(rounded(here.result()))
      expect(there.overall.METEOR).toBeGreaterThan(0.2)
    } finally {
      await started.close()
      served.close()
    }
  },
  300_000,
)
