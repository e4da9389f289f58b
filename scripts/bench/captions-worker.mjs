/** Times our caption metrics on two files, stage by stage: node captions-worker.mjs ANNOTATIONS RESULTS METRIC,… METEOR CACHE */
import { readFileSync } from 'node:fs'
import { bleu, cider, cocoImages, countCorpus, meteor, rougeL, tokenize } from 'coco-caption-eval-js'
import { openMeteor } from 'coco-caption-eval-js/node'

const [annotations, results, wanted, folder, cache] = process.argv.slice(2)
const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const given = cocoImages({ annotations: read(annotations), results: read(results) })

const seconds = {}
function time(name, act) {
  const begin = performance.now()
  const value = act()
  seconds[name] = (performance.now() - begin) / 1000
  return value
}

const images = time('tokenize', () => {
  const references = tokenize(given.flatMap((image) => image.references)).captions
  const hypotheses = tokenize(given.map((image) => image.hypothesis)).captions
  let begin = 0
  return given.map((image, i) => {
    begin += image.references.length
    return { hypothesis: hypotheses[i], references: references.slice(begin - image.references.length, begin) }
  })
})
const names = wanted.split(',')
const scores = {}
const counted = time('bleu', () => {
  const corpus = countCorpus(images) // CIDEr uses it too
  scores.bleu = bleu(corpus).map(({ overall }) => overall)
  return corpus
})
scores['rouge-l'] = time('rouge-l', () => rougeL(images).overall)
scores.cider = time('cider', () => cider(counted).overall)
if (names.includes('meteor'))
  scores.meteor = time('meteor', () => meteor(images, openMeteor({ folder, cache })).overall)
const peakMB = process.resourceUsage().maxRSS / 1024
process.stdout.write(JSON.stringify({ seconds, scores, peakMB }))
