/** The ladder's own arithmetic against the formulas of the specification, in float64. */
import { describe, expect, test } from 'vitest'
import { randomBatch, specOf, tinyT5 } from '../support/t5.js'
import { valuesOf } from '../support/traced.js'

const stacks = ['encoder', 'decoder'] as const
describe('the ladder’s own arithmetic', () => {
  /** rows × Wᵀ + b in float64; W [out, width] */
  function project(rows: ArrayLike<number>, weight: Float32Array, bias: Float32Array): number[] {
    const width = weight.length / bias.length
    return Array.from({ length: (rows.length / width) * bias.length }, (_, i) => {
      const [row, column] = [Math.floor(i / bias.length), i % bias.length]
      let sum = bias[column]!
      for (let k = 0; k < width; k++) sum += rows[row * width + k]! * weight[column * width + k]!
      return sum
    })
  }

  /** Every stretch of `width` divided by its root mean square. */
  const normed = (values: Float32Array, width: number): Float64Array =>
    Float64Array.from(values, (value, i) => {
      const row = values.subarray(i - (i % width), i - (i % width) + width)
      return value / Math.sqrt(row.reduce((sum, x) => sum + x ** 2, 0) / width + 1e-6)
    })

  test.each([false, true])('a tap is scaled down, normalised before if asked: %s', async (tapNorm) => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4, tapNorm })
    const taps = stacks.flatMap((stack) => [`tap.${stack}.1`, `down.${stack}.1`])
    const { outputs, parameters } = await valuesOf(spec, backbone, taps)
    for (const stack of stacks) {
      const tap = outputs[`tap.${stack}.1`]!.floats
      const [weight, bias] = ['weight', 'bias'].map(
        (name) => parameters.get(`${stack}.side_downsamples.1.${name}`)!.value.floats,
      )
      const want = project(tapNorm ? normed(tap, 24) : tap, weight!, bias!)
      expectNear(outputs[`down.${stack}.1`]!.floats, want)
    }
  })

  test('a pooled tap is averages over windows that may overlap', async () => {
    const [width, size] = [26, 6]
    const backbone = tinyT5({ d_model: width, num_layers: 2 })
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4, downsamplePool: true })
    const { outputs } = await valuesOf(spec, backbone, ['tap.encoder.1', 'down.encoder.1'])
    const tap = outputs['tap.encoder.1']!.floats
    const want = Array.from({ length: (tap.length / width) * size }, (_, i) => {
      const [row, j] = [Math.floor(i / size), i % size]
      const window = tap
        .subarray(row * width, (row + 1) * width)
        .subarray(Math.floor((j * width) / size), Math.ceil(((j + 1) * width) / size))
      return window.reduce((sum, value) => sum + value, 0) / window.length
    })
    expectNear(outputs['down.encoder.1']!.floats, want)
  })

  test('it starts from the text’s embeddings, scaled down, with the pictures behind them', async () => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4 })
    const { outputs, parameters } = await valuesOf(spec, backbone, ['vis_embeds', 'side.encoder.first'])
    const { batch, text, positions, inputIds } = randomBatch(1)
    const first = parts(outputs['side.encoder.first']!.floats, text, text + positions, batch)
    const [weight, bias] = ['weight', 'bias'].map(
      (name) => parameters.get(`encoder.side_first_downsample.${name}`)!.value.floats,
    )
    const table = backbone.weights.readFloat32('shared.weight')
    const embedding = Array.from(inputIds, (id) => [
      ...table.subarray(Number(id) * 24).subarray(0, 24),
    ]).flat()
    expectNear(Float32Array.from(first.text), project(embedding, weight!, bias!))
    expectNear(Float32Array.from(first.pictures), project(outputs.vis_embeds!.floats, weight!, bias!))
  })

  /** Largest difference, in units of the largest magnitude. */
  function expectNear(got: Float32Array, want: readonly number[]): void {
    expect(got).toHaveLength(want.length)
    const scale = Math.max(...want.map(Math.abs))
    const error = got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i]!)), 0)
    expect(error / scale).toBeLessThan(1e-5)
  }

  /** The text rows and the picture rows of a state [batch, text + positions, width]. */
  function parts(values: Float32Array, text: number, rows: number, batch: number) {
    const width = values.length / rows / batch
    const of = (from: number, to: number) =>
      Array.from({ length: batch }, (_, b) => [
        ...values.subarray((b * rows + from) * width, (b * rows + to) * width),
      ]).flat()
    return { text: of(0, text), pictures: of(text, rows) }
  }

  const gate = 1 / (1 + Math.exp(-0.05 / 0.1))

  test.each([
    { options: { gateImageRows: true }, pictures: (s: number) => gate * s },
    { options: { gateImageRows: false }, pictures: (s: number) => s },
    { options: { gate: 'one', gateImageRows: true }, pictures: (s: number) => s, g: 1 },
    { options: { gate: 'none', gateImageRows: true }, pictures: (s: number) => s, added: true },
  ])('picture rows have no tap: $options', async ({ options, pictures, g = gate, added = false }) => {
    const backbone = tinyT5()
    const spec = specOf(backbone.config, 'lst', { reductionFactor: 4, gateAlpha: 0.05, ...options })
    const { outputs } = await valuesOf(spec, backbone, [
      'side.encoder.first',
      'down.encoder.0',
      'side.encoder.0.in',
    ])
    const { batch, text, positions } = randomBatch(1)
    const [first, mixed] = ['side.encoder.first', 'side.encoder.0.in'].map((name) =>
      parts(outputs[name]!.floats, text, text + positions, batch),
    )
    const tap = outputs['down.encoder.0']!.floats
    expectNear(
      Float32Array.from(mixed!.text),
      first!.text.map((s, i) => (added ? s + tap[i]! : g * s + (1 - g) * tap[i]!)),
    )
    expectNear(Float32Array.from(mixed!.pictures), first!.pictures.map(pictures))
    if (!options.gateImageRows) expect(mixed!.pictures).toEqual(first!.pictures)
  })

  test('mixed after the block, picture rows stay as the block left them', async () => {
    const backbone = tinyT5()
    const names = ['side.encoder.0', 'side.encoder.1.in', 'down.encoder.0']
    const options = { reductionFactor: 4, residualAfter: true }
    const run = async (gateImageRows: boolean) => {
      const spec = specOf(backbone.config, 'lst', { ...options, gateImageRows })
      const { outputs } = await valuesOf(spec, backbone, names)
      const { batch, text, positions } = randomBatch(1)
      return parts(outputs['side.encoder.0']!.floats, text, text + positions, batch)
    }
    const [gated, free] = [await run(true), await run(false)]
    expect(gated.text).toEqual(free.text)
    expectNear(
      Float32Array.from(gated.pictures),
      free.pictures.map((s) => 0.5 * s),
    )
  })
})
