/** What the built-in text models are trained on: the world's corpus and nothing else, by each one's own objective. */
import { describe, expect, test } from 'vitest'
import { corpusDocument, type Passage } from '../datasets/world/index.js'
import { packageFolder, Random } from '../src/base/index.js'
import { openTokenizer, type Tokenizer } from '../src/text/index.js'

type Hide = (
  pieces: readonly Passage[],
  tokenizer: Tokenizer,
  random: Random,
) => { readonly inputIds: readonly number[]; readonly targetIds: readonly number[] }

const spans = new URL('../scripts/builtin/spans.mjs', import.meta.url).href
const { corrupt, infill } = (await import(spans)) as { readonly corrupt: Hide; readonly infill: Hide }

/** What a document holds, its tokens in one row, and the two sides that are made of it. */
function* examples(model: 't5' | 'bart', hide: Hide) {
  const tokenizer = openTokenizer(`${packageFolder()}/builtin/${model}`)
  const special = new Set(tokenizer.encode(''))
  for (let index = 0; index < 300; index++) {
    const pieces = corpusDocument(index)
    const whole = pieces.flatMap(({ text }) => tokenizer.encode(text).filter((id) => !special.has(id)))
    yield { tokenizer, whole, ...hide(pieces, tokenizer, new Random(index, 4)) }
  }
}

describe('the built-in BART', () => {
  test('restores whole documents of which one mask stands for each span', () => {
    for (const { tokenizer, whole, inputIds, targetIds } of examples('bart', infill)) {
      const [start, end, mask] = ['<s>', '</s>', '<mask>'].map((token) => tokenizer.idOf(token)!)
      expect(targetIds).toEqual([start, ...whole, end])
      const seen = inputIds.map((id) => (id === mask ? '( \\d+)+' : ` ${id}`)).join('')
      expect(inputIds).toContain(mask)
      expect(targetIds.map((id) => ` ${id}`).join('')).toMatch(new RegExp(`^${seen}$`))
    }
  })
})

describe('the built-in T5', () => {
  test('says what a sentinel stands for', () => {
    for (const { tokenizer, whole, inputIds, targetIds } of examples('t5', corrupt)) {
      const end = tokenizer.idOf('</s>')!
      const sentinels = new Set(Array.from({ length: 100 }, (_, i) => tokenizer.idOf(`<extra_id_${i}>`)!))
      const said = new Map<number, number[]>()
      let about: number[] = []
      for (const id of targetIds.slice(0, -1)) {
        if (sentinels.has(id)) {
          about = []
          said.set(id, about)
        } else about.push(id)
      }
      expect(said.size).toBeGreaterThan(0)
      expect(inputIds.flatMap((id) => said.get(id) ?? [id])).toEqual([...whole, end])
    }
  })
})
