/** Which parameters a method trains: the lists of the specification, and what becomes of those without a gradient. */
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { methods } from '../../src/methods/index.js'
import { gradientName } from '../../src/models/index.js'
import { gradientGraph, type ModelSpec, modelParameters } from '../../src/training/graphs.js'
import { changed, randomBatch, snapshot, specOf, tinyT5, trainerOf } from '../support/t5.js'

const stacks = ['encoder', 'decoder'] as const
const namesOf = (spec: ModelSpec): string[] =>
  modelParameters(spec)
    .filter(({ trained }) => trained)
    .map(({ name }) => name)
    .sort()

const backboneBlock = /^(encoder|decoder)\.block\./

describe('trained parameters are the specification’s', () => {
  const attention = (at: string, kind: string) =>
    ['q', 'k', 'v', 'o'].map((name) => `${at}.${kind}.${name}.weight`)

  /** Weights of one T5 block, but for its position table. */
  function blockNames(at: string, decoder: boolean): string[] {
    const last = `${at}.layer.${decoder ? 2 : 1}`
    return [
      ...attention(`${at}.layer.0`, 'SelfAttention'),
      `${at}.layer.0.layer_norm.weight`,
      ...(decoder
        ? [...attention(`${at}.layer.1`, 'EncDecAttention'), `${at}.layer.1.layer_norm.weight`]
        : []),
      ...['DenseReluDense.wi.weight', 'DenseReluDense.wo.weight', 'layer_norm.weight'].map(
        (name) => `${last}.${name}`,
      ),
    ]
  }

  const visual = [
    ...['feat_embedding.0.weight', 'feat_embedding.0.bias', 'feat_embedding.1.weight'],
    ...['absolute_vis_pos_embedding.0.weight', 'absolute_vis_pos_embedding.0.bias'],
    ...['absolute_vis_pos_embedding.1.weight', 'img_order_embedding.weight'],
  ].map((name) => `encoder.visual_embedding.${name}`)

  const linear = (at: string) => [`${at}.weight`, `${at}.bias`]

  /** vl-model.md §4.2 */
  function ladderNames(kept: Record<(typeof stacks)[number], readonly number[]>): string[] {
    return [
      ...visual,
      ...linear('side_final_upsample'),
      ...stacks.flatMap((stack) => [
        ...linear(`${stack}.side_first_downsample`),
        ...kept[stack].flatMap((layer) => [
          ...linear(`${stack}.side_downsamples.${layer}`),
          ...blockNames(`${stack}.side_block.${layer}`, stack === 'decoder'),
        ]),
        `${stack}.side_block.${kept[stack][0]}.layer.0.SelfAttention.relative_attention_bias.weight`,
        ...Array.from({ length: layersOf[stack] }, (_, layer) => `${stack}.side_gate_params.${layer}`),
        `${stack}.final_side_layer_norm.weight`,
      ]),
    ].sort()
  }

  const layersOf = { encoder: 4, decoder: 2 }
  const all = { encoder: [0, 1, 2, 3], decoder: [0, 1] }

  test('lst', () => {
    const { config } = tinyT5()
    expect(namesOf(specOf(config, 'lst'))).toEqual(ladderNames(all))
  })

  test('lst with dropped layers: their gates are there, and get no gradient', async () => {
    const backbone = tinyT5()
    const kept = { encoder: [1, 3], decoder: [1] }
    const spec = specOf(backbone.config, 'lst', { encoderSideLayers: [1, 3], decoderSideLayers: [1] })
    expect(namesOf(spec)).toEqual(ladderNames(kept))
    const dropped = ['encoder.side_gate_params.0', 'encoder.side_gate_params.2', 'decoder.side_gate_params.0']
    const { graph } = gradientGraph(spec)
    const reached = namesOf(spec).filter((name) => graph.outputs.has(gradientName(name)))
    expect(reached).toEqual(namesOf(spec).filter((name) => !dropped.includes(name)))
    const trainer = await trainerOf(spec, backbone.weights, {
      optimizer: { name: 'adamw', options: { weightDecay: 0.1 } },
    })
    const start = snapshot(trainer)
    await trainer.backward(randomBatch(1), { step: 0, firstRow: 0, samples: 1 })
    await trainer.update(1e-2)
    const still = [...start.keys()].filter((name) => !changed(start, snapshot(trainer)).includes(name))
    expect(still.sort()).toEqual([...dropped].sort())
    trainer.close()
  })

  test('lst without pictures, at the backbone’s own width, pooled, without biases', () => {
    const { config } = tinyT5()
    const without = (pattern: RegExp) => ladderNames(all).filter((name) => !pattern.test(name))
    expect(namesOf(specOf(config, 'lst', {}, { vision: false }))).toEqual(without(/visual/))
    expect(namesOf(specOf(config, 'lst', { reductionFactor: 1 }))).toEqual(without(/sample/))
    expect(namesOf(specOf(config, 'lst', { downsamplePool: true }))).toEqual(without(/side_downsamples/))
    expect(namesOf(specOf(config, 'lst', { samplingBias: false }))).toEqual(without(/sample.*bias/))
    for (const gate of ['one', 'none', 'schedule-linear'])
      expect(namesOf(specOf(config, 'lst', { gate }))).toEqual(without(/gate/))
  })

  test.each([
    [true, 'shared.weight'],
    [false, 'lm_head.weight'],
  ])('lst with its head unfrozen, tied: %s', (tied, name) => {
    const { config } = tinyT5({ tie_word_embeddings: tied })
    expect(namesOf(specOf(config, 'lst', { unfreezeHead: true }))).toEqual([...ladderNames(all), name].sort())
  })

  test('lst with a head of its own, frozen or not; it has no place for pictures', () => {
    const { config } = tinyT5()
    const text = (options: Readonly<Record<string, unknown>>) =>
      namesOf(specOf(config, 'lst', { ownHead: true, variant: 'text', ...options }, { vision: false }))
    const own = ['side_shared.weight', 'side_lm_head.weight', 'side_lm_gate', 'side_lm_gate_params.0']
    const others = ladderNames(all).filter((name) => !/visual|first_downsample|final_upsample/.test(name))
    expect(text({})).toEqual([...others, ...own].sort())
    expect(text({ freezeOwnHead: true })).toEqual(text({}).filter((name) => name !== 'side_lm_head.weight'))
    const pictures = () => modelParameters(specOf(config, 'lst', { ownHead: true }))
    expect(pictures).toThrow(UserError)
    expect(pictures).toThrow('"ownHead"')
  })

  test('full, and with layers that stay frozen', () => {
    const backbone = tinyT5()
    const text = specOf(backbone.config, 'full', {}, { vision: false })
    const every = [...backbone.weights.tensors.keys()].sort()
    expect(namesOf(text)).toEqual(every)
    expect(namesOf(specOf(backbone.config, 'full'))).toEqual([...every, ...visual].sort())
    const some = { encoderTrainableLayers: [3], decoderTrainableLayers: [] }
    const partly = specOf(backbone.config, 'full', some, { vision: false })
    expect(namesOf(partly)).toEqual(
      every.filter((name) => !backboneBlock.test(name) || name.startsWith('encoder.block.3.')),
    )
  })

  test('an option that a method does not have is refused', () => {
    for (const { options } of methods.entries)
      expect(options.safeParse({ reductionfactor: 4 }).success).toBe(false)
  })
})
