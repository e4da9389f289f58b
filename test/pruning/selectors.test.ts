import { describe, expect, test } from 'vitest'
import { Random, UserError } from '../../src/base/index.js'
import { type BackboneConfig, readBackboneConfig, readT5Config } from '../../src/models/index.js'
import { cut, type Importance, layoutOf, selectors } from '../../src/pruning/index.js'
import { backboneParameters } from '../../src/training/backbone.js'
import { countOf } from '../support/operators.js'
import { tinyBart, tinyConfig } from '../support/tinyConfig.js'

type Edit = (name: string, values: Float32Array, shape: readonly number[]) => void

/** A tiny T5 with importances drawn by name, none negative. */
function drawn(over: Readonly<Record<string, unknown>> = {}, edit: Edit = () => {}) {
  const config = readT5Config({ ...tinyConfig, ...over }, 'config.json')
  return { ...importanceOf(config, edit), config }
}

/** The same of a BART whose widths four divides. */
function drawnBart(edit: Edit = () => {}) {
  return importanceOf(readBackboneConfig({ ...tinyBart, d_model: 48 }, 'config.json'), edit)
}

function importanceOf(config: BackboneConfig, edit: Edit) {
  const shapes = new Map(backboneParameters(config).map(({ name, shape }) => [name, shape]))
  const values = new Map(
    [...shapes].map(([name, shape]) => {
      const random = new Random(1, ...Buffer.from(name))
      const drawn = Float32Array.from({ length: countOf(shape) }, () => random.normal() ** 2)
      edit(name, drawn, shape)
      return [name, drawn]
    }),
  )
  const importance: Importance = { shape: (name) => shapes.get(name)!, values: (name) => values.get(name)! }
  return { shapes, importance, layout: layoutOf(config) }
}

const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)
const isDistinct = (numbers: readonly number[]) => new Set(numbers).size === numbers.length

const wide = { d_model: 48, d_kv: 16, num_heads: 3, d_ff: 72 }

describe.each(selectors.entries)('$name', (selector) => {
  test.each([
    ['', {}],
    ['gated feed forwards', { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false }],
  ])(
    'keeps 1/r of every width, each place once, and of each tensor what fits the one before it %s',
    (_, more) => {
      const { config, shapes, importance, layout } = drawn({ ...wide, ...more })
      const { kept } = selector.select(layout, importance, 4)
      const sides = { [config.dModel]: 12, [config.dFf]: 18, [config.vocabSize]: config.vocabSize }
      for (const [name, axes] of kept) {
        const shape = shapes.get(name)!
        expect(axes.map(({ length }) => length)).toEqual(shape.map((size) => sides[size] ?? size / 4))
        for (const [axis, places] of axes.entries()) {
          expect(isDistinct(places), name).toBe(true)
          expect(
            ascending(places).every((place) => place >= 0 && place < shape[axis]!),
            name,
          ).toBe(true)
        }
      }
      for (const { sublayers } of layout.stacks) {
        for (const { into, out, before } of sublayers) {
          const last = into.at(-1)!
          expect(kept.get(out.weight)![1], 'what a sublayer writes from is what it read into').toEqual(
            kept.get(last.weight)![0],
          )
          for (const { weight } of into) expect(kept.get(weight)![1]).toEqual(kept.get(before[0]!)![0])
        }
      }
    },
  )

  test('keeps of a BART what belongs together: rows with their biases, and norms with what is written', () => {
    const { importance, layout } = drawnBart()
    const { kept } = selector.select(layout, importance, 4)
    for (const { sublayers } of layout.stacks) {
      let read = kept.get('model.shared.weight')![1]!
      for (const { into, out, after } of sublayers) {
        for (const { weight, bias } of [...into, out])
          expect(kept.get(bias!), weight).toEqual([kept.get(weight)![0]])
        for (const { weight } of into) expect(kept.get(weight)![1], weight).toEqual(read)
        read = kept.get(out.weight)![0]!
        expect(after).toHaveLength(2)
        for (const vector of after) expect(kept.get(vector)).toEqual([read])
      }
    }
  })

  test('keeps everything, as it was, of a ladder as wide as the backbone', () => {
    const { shapes, importance, layout } = drawn(wide)
    for (const [name, axes] of selector.select(layout, importance, 1).kept)
      expect(cut(importance.values(name), shapes.get(name)!, axes)).toEqual(importance.values(name))
  })

  if (!selector.squaresOnly)
    test('measures size, not sign', () => {
      const given = drawn(wide)
      const turned = drawn(wide, (_, values) => values.set(values.map((value) => -value)))
      expect(selector.select(turned.layout, turned.importance, 4)).toEqual(
        selector.select(given.layout, given.importance, 4),
      )
    })

  test('refuses importances that are not numbers, by the name of their tensor', () => {
    const name = 'encoder.block.1.layer.0.SelfAttention.q.weight'
    const { layout, importance } = drawn(wide, (each, values) => each === name && values.fill(Number.NaN))
    expect(() => selector.select(layout, importance, 4)).toThrow(UserError)
    expect(() => selector.select(layout, importance, 4)).toThrow(/not numbers/)
  })
})

describe('the reference’s versions', () => {
  const q = 'encoder.block.0.layer.0.SelfAttention.q.weight'

  test('of rows that matter equally the last ones stay', () => {
    const { layout, importance } = drawn(wide, (_, values) => values.fill(1))
    const { kept } = selectors.get('v2').select(layout, importance, 4)
    expect(ascending(kept.get(q)![0]!)).toEqual(Array.from({ length: 12 }, (_, i) => 36 + i))
  })

  test.each([
    ['a half is rounded to an even number', 5, 2, 3],
    ['of one feature one stays', 1, 8, 1],
    ['more goes where more is asked for', 30, 6, 5],
  ])('%s: %d features, r = %d', (_, width, reduction, left) => {
    const { layout, importance } = drawn({ ...wide, d_model: width })
    expect(
      selectors.get('v2').select(layout, importance, reduction).kept.get('shared.weight')![1],
    ).toHaveLength(left)
  })

  test('q, k and v are chosen together by the product of their importances, however small it is', () => {
    const tiny = 1e-20 // its cube is far below what float32 holds
    const { layout, importance } = drawn(wide, (name, values, [, width]) => {
      if (/SelfAttention\.[qkv]\./.test(name))
        for (const i of values.keys()) values[i] = tiny * (48 - Math.floor(i / width!))
    })
    const { kept } = selectors.get('v2').select(layout, importance, 4)
    for (const name of ['q', 'k', 'v'].map((each) => q.replace('.q.', `.${each}.`)))
      expect(ascending(kept.get(name)![0]!)).toEqual(Array.from({ length: 12 }, (_, i) => i))
  })

  test('the decoder begins with what the encoder kept last, and reads the encoder by its own features', () => {
    const { layout, importance } = drawn(wide)
    const { kept } = selectors.get('v2').select(layout, importance, 4)
    const last = kept.get('encoder.block.3.layer.1.DenseReluDense.wo.weight')![0]
    expect(kept.get('decoder.block.0.layer.0.layer_norm.weight')![0]).toEqual(last)
    expect(kept.get('decoder.block.0.layer.1.EncDecAttention.k.weight')![1]).toEqual(
      kept.get('decoder.block.0.layer.0.SelfAttention.o.weight')![0],
    )
  })

  test('v3 takes whole heads of twelve, the best first, and of the last its best rows', () => {
    const { layout, importance } = drawn({ ...wide, d_kv: 16, num_heads: 3 }, (name, values, [, width]) => {
      // Heads of 4 rows: head 7 matters most, then head 2; the others alike.
      const worth = [1, 1, 5, 1, 1, 1, 1, 9, 1, 1, 1, 1]
      if (name.endsWith('q.weight'))
        for (const i of values.keys())
          values[i] = worth[Math.floor(i / width! / 4)]! + Math.floor(i / width!) / 1000
      if (/[kv]\.weight$/.test(name)) values.fill(1)
    })
    const { kept } = selectors.get('v3').select(layout, importance, 8)
    expect(ascending(kept.get(q)![0]!)).toEqual([10, 11, 28, 29, 30, 31])
  })

  test('v3 refuses rows that can’t be cut into its twelve heads', () => {
    const { layout, importance } = drawn({ ...wide, d_kv: 10 })
    expect(() => selectors.get('v3').select(layout, importance, 2)).toThrow(
      '"encoder.block.0.layer.0.SelfAttention.q.weight" has 30 rows, which version v3 can\'t cut into its 12 heads',
    )
  })

  test('bart keeps of a matrix what matters least, and of the token table what matters most', () => {
    const { layout, importance } = drawnBart((name, values, [, width]) => {
      const isTable = name === 'model.shared.weight'
      for (const i of values.keys())
        values[i] = 1e-3 * (1 + (isTable ? i % width! : Math.floor(i / (width ?? 1))))
    })
    const { kept } = selectors.get('bart').select(layout, importance, 4)
    const [table, rows] = [
      kept.get('model.shared.weight')![1]!,
      kept.get('model.encoder.layers.0.fc2.weight')![0]!,
    ]
    expect(ascending(table)).toEqual(Array.from({ length: 12 }, (_, i) => 36 + i))
    expect(ascending(rows)).toEqual(Array.from({ length: 12 }, (_, i) => i))
  })

  test('bart keeps rows that got no gradient first', () => {
    const q1 = 'model.encoder.layers.0.fc1.weight'
    const { layout, importance } = drawnBart((name, values, [, width]) => {
      for (const i of values.keys())
        values[i] = name === q1 && Math.floor(i / width!) === 5 ? 0 : Math.abs(values[i]!) + 1e-9
    })
    expect(selectors.get('bart').select(layout, importance, 4).kept.get(q1)![0]).toContain(5)
  })

  test('v5 goes down in ten rounds', () => {
    const { layout, importance } = drawn({ ...wide, d_model: 40 })
    const { rounds } = selectors.get('v5').select(layout, importance, 2)
    expect(rounds.map((chosen) => chosen.get('shared.weight')!.length)).toEqual([
      38, 36, 34, 32, 30, 28, 26, 24, 22, 20,
    ])
  })
})

describe('stream', () => {
  const { layout, importance, config } = drawn(wide)
  const { kept } = selectors.get('stream').select(layout, importance, 4)
  const features = kept.get('shared.weight')![1]!

  test('every layer keeps the same features, in ascending order', () => {
    expect(features).toEqual(ascending(features))
    for (const { sublayers, after } of layout.stacks) {
      expect(kept.get(after[0]!)).toEqual([features])
      for (const { before, into, out } of sublayers) {
        expect([kept.get(before[0]!)![0], kept.get(out.weight)![0]]).toEqual([features, features])
        for (const { weight } of into) expect(kept.get(weight)![1]).toEqual(features)
      }
    }
  })

  test('every head keeps as many channels of its own, q those of k, and v those of o', () => {
    const size = config.dKv
    for (const { into, out } of layout.stacks.flatMap(({ sublayers }) =>
      sublayers.filter((s) => s.attention),
    )) {
      const [query, key, value] = into.map(({ weight }) => kept.get(weight)![0]!)
      expect(key).toEqual(query)
      expect(kept.get(out.weight)![1]).toEqual(value)
      for (const channels of [query!, value!])
        expect(channels.map((channel) => Math.floor(channel / size))).toEqual([
          0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
        ])
    }
  })

  test('a feature that all layers use stays, whatever the scale of a tensor', () => {
    const loud = drawn(wide, (name, values, shape) => {
      if (name.endsWith('layer_norm.weight') || name.endsWith('o.weight') || name.endsWith('wo.weight'))
        for (const i of values.keys()) values[i] = Math.floor(i / (shape[1] ?? 1)) % 4 === 1 ? 3 : 0.1
      // One matrix is far louder than all others, and likes other features.
      if (name === 'encoder.block.2.layer.1.DenseReluDense.wi.weight')
        for (const i of values.keys()) values[i] = i % 48 < 12 ? 1e6 : 0
    })
    const chosen = selectors
      .get('stream')
      .select(loud.layout, loud.importance, 4)
      .kept.get('shared.weight')![1]!
    expect(chosen).toEqual(Array.from({ length: 12 }, (_, i) => 4 * i + 1))
  })
})
