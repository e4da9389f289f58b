/** A verification that can't fail proves nothing: every kind of expected value, spoiled, must be noticed. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toleranceOf } from '../../src/verify/compare.js'
import { readCase, verifyCase } from '../../src/verify/index.js'
import { temporaryFolder } from '../support/weights.js'
import { type CaseTensor, changed, copied, isExpected, readTensors, withElement, zeroed } from './cases.js'

const threads = 2

/** The tensor with its last element off by ten tolerances (integers by one). */
function shifted(name: string, tensor: CaseTensor): CaseTensor {
  const last = tensor.data.length - 1
  const value = Number(tensor.data[last])
  if (tensor.data instanceof BigInt64Array) return withElement(tensor, last, value + 1)
  const { rtol, atol } = toleranceOf(readCase(copied(name)), tensor.name)
  const largest = tensor.data.reduce((max, element) => Math.max(max, Math.abs(element)), 0)
  return withElement(tensor, last, value + 10 * (atol + rtol * largest) + 1e-6)
}

describe('one value off by ten tolerances', () => {
  test.each([
    ['vl/t5-lst', 'want/loss'],
    ['vl/t5-lst', 'want/losses'],
    ['vl/t5-lst', 'want/logits'],
    ['vl/t5-lst', 'want/side.encoder.bias.1'],
    ['vl/t5-lst', 'want/tap.decoder.2'],
    ['vl/t5-lst', 'grad/encoder.side_gate_params.0'],
    ['vl/t5-lst', 'after/side_final_upsample.bias'],
    ['vl/t5-v1_1-full', 'grad/lm_head.weight'],
    ['vl/norms', 'want/rms.6'],
    ['vl/norms', 'grad/layer_norm.x'],
    ['vl/relative-buckets', 'want/bucket.32.decoder'],
    ['vl/optimizer-adamw', 'want/after.4/enc.never_used.weight'],
    ['vl/visual-embedding-t5-downsample', 'want/downsampled'],
    ['vl/visual-embedding-t5-downsample', 'grad/encoder.visual_embedding.feat_embedding.0.weight'],
    ['vl-tasks/loss-vqa-t5-lst', 'want/token_loss'],
    ['vl-tasks/loss-nlvr-t5', 'want/pred_ans_id'],
    ['vl-tasks/generate-t5-lst-greedy', 'want/ids'],
    ['vl-tasks/generate-t5-lst-greedy', 'want/first_logits'],
    ['clip/contrastive-projections', 'want/logits_per_text'],
    ['clip/contrastive-projections', 'want/grad_norm'],
    ['clip/contrastive-projections', 'after/logit_scale'],
    ['clip/vit-interpolate', 'want/positions'],
    ['clip/vit-interpolate', 'want/last_hidden_state'],
    ['glue/generate-lst-greedy', 'want/ids'],
    ['glue/t5-lst-distill', 'want/grad_norm'],
    ['glue/t5-lst-distill', 'want/lr'],
    ['glue/t5-lst-drop-unsorted', 'after/encoder.side_gate_params.0'],
    ['glue/t5-lst-gate-schedule-linear', 'want/side_decoder'],
    ['glue/optimize-adamw-clip-warmup', 'want/param.3/gate'],
    ['glue/optimize-schedules', 'want/lr.5'],
    ['glue/prune-fisher-v2-drop', 'want/importance/shared.weight'],
    ['glue/prune-fisher-v2-drop', 'want/keep/decoder.block.2.layer.1.EncDecAttention.q.weight'],
    ['glue/prune-fisher-v2-drop', 'want/side/encoder.side_block.1.layer.0.SelfAttention.o.weight'],
    ['glue/prune-bart-fisher', 'want/importance/model.encoder.layers.1.fc2.weight'],
    ['glue/prune-bart-fisher', 'want/keep/model.encoder.layers.2.self_attn.q_proj.weight'],
    ['glue/prune-bart-fisher', 'want/side/model.encoder.side_block.0.self_attn.v_proj.bias'],
    ['vl/prune-magnitude-v5', 'want/keep/7.encoder.0.wi'],
    ['vl/prune-magnitude-v5', 'want/side/decoder.final_side_layer_norm.weight'],
  ])('%s: %s', async (name, spoiled) => {
    const folder = changed(name, {
      tensor: (tensor) => (tensor.name === spoiled ? shifted(name, tensor) : tensor),
    })
    const result = await verifyCase(folder, { threads })
    expect(result).toMatchObject({ outcome: 'failed', faults: [expect.stringContaining(spoiled)] })
  })
})

describe('one expected value of a case without tensors', () => {
  // biome-ignore lint/suspicious/noExplicitAny: any JSON, to be changed anywhere
  test.each<[string, (json: any) => void]>([
    ['vl-tasks/text-vqa-normalize', ({ cases }) => (cases[7].want += ' ')],
    ['vl-tasks/text-vqa-normalize', ({ cases }) => (cases[7].want_punct += ' ')],
    ['vl-tasks/text-vqa-normalize', ({ cases }) => (cases[7].want_new = '')],
    ['vl-tasks/text-vqa-soft-scores', ({ cases }) => (cases[3].want.more = 0.3)],
    ['vl-tasks/text-vqa-soft-scores', ({ probabilities }) => (probabilities[2].want[1] += 1e-9)],
    ['vl-tasks/text-vqa-soft-scores', ({ probabilities }) => (probabilities[4].want = [])],
    ['vl-tasks/metric-vqa-accuracy', ({ want }) => (want.official.accuracy.overall += 0.01)],
    ['vl-tasks/metric-vqa-accuracy', ({ want }) => (want.reference_topk_false.perAnswerType.other = 1)],
    ['vl-tasks/metric-vqa-accuracy', ({ want }) => delete want.reference.per_question[901]],
    ['vl-tasks/metric-vqa-accuracy', ({ want }) => (want.third = {})],
    ['glue/text-glue', ({ items }) => (items[2].source += ' ')],
    ['glue/text-glue', ({ items }) => (items[30].target = '2.6')],
    ['glue/text-glue', ({ want }) => want.labels.stsb.pop()],
    ['glue/text-splits', ({ items }) => (items[0].want.first[11] += 1)],
    ['glue/text-splits', ({ items }) => (items[13].want.last[5] += 1)],
    ['glue/text-splits', ({ items }) => (items[9].want.checksum += 1)],
    ['glue/text-splits', ({ items }) => (items[1].want.count += 1)],
    ['glue/text-splits', ({ items }) => (items[8].from = 'validation')],
    ['glue/metric-cola', ({ items }) => (items[1].want.matthews_correlation += 1e-6)],
    ['glue/metric-mrpc', ({ items }) => (items[1].want.average_metrics += 1e-6)],
    ['glue/metric-stsb', ({ items }) => delete items[2].want.pearson],
    ['glue/metric-stsb', ({ items }) => (items[2].want.kendall = 1)],
  ])('%s %#', async (name, json) => {
    expect(await verifyCase(changed(name, { json }))).toMatchObject({
      outcome: 'failed',
      faults: [expect.any(String)],
    })
  })
})

describe('held back: expected values are zeroed', () => {
  test.each([
    'vl/t5-lst',
    'vl/norms',
    'vl/relative-buckets',
    'vl/optimizer-adamw',
    'vl/visual-embedding-t5-downsample',
    'vl-tasks/loss-vqa-t5-lst',
    'vl-tasks/loss-nlvr-t5',
    'vl-tasks/generate-t5-lst-greedy',
    'glue/t5-lst-distill',
    'glue/optimize-schedules',
    'glue/prune-fisher-v2-drop',
    'glue/prune-bart-fisher',
    'vl/prune-magnitude-v5',
  ])('%s fails, and dumps what it dumps otherwise', async (name) => {
    const [open, heldBack] = [temporaryFolder(), temporaryFolder()]
    expect((await verifyCase(copied(name), { threads, dump: open })).outcome).toBe('passed')
    const folder = changed(name, {
      tensor: (tensor) => (isExpected(tensor) ? zeroed(tensor) : tensor),
      json: (json) => Object.assign(json, json.trained ? { trained: [], unused: [], no_grad: [] } : {}),
    })
    expect((await verifyCase(folder, { threads, dump: heldBack })).outcome).toBe('failed')
    const dumps = [open, heldBack].map((dump) => readTensors(join(dump, `${name}.safetensors`)))
    expect(dumps[1]).toEqual(dumps[0])
    const expected = readTensors(join(copied(name), 'tensors.safetensors')).filter(isExpected)
    const nameAndShape = ({ name: tensor, shape }: CaseTensor) => `${tensor} (${shape})`
    expect(dumps[0]!.map(nameAndShape).sort()).toEqual(expected.map(nameAndShape).sort())
  })
})

describe('what else must not pass', () => {
  const lst = 'vl/t5-lst'
  const one = Float32Array.of(1)

  test('an expected value that the program does not produce', async () => {
    const more = [{ name: 'want/side.encoder.7', shape: [1], data: one }]
    expect(await verifyCase(changed(lst, { more }), { threads })).toMatchObject({
      outcome: 'failed',
      faults: ['want/side.encoder.7 is not computed'],
    })
  })

  test('another shape', async () => {
    const tensor = (same: CaseTensor) => (same.name === 'want/losses' ? { ...same, shape: [2, 2] } : same)
    expect(await verifyCase(changed(lst, { tensor }), { threads })).toMatchObject({
      faults: ['want/losses is (4) where (2, 2) is expected'],
    })
  })

  test('a value that is not a number, whatever is expected', async () => {
    const tensor = (same: CaseTensor) =>
      same.name === 'in/scores'
        ? withElement(same, 0, Number.NaN)
        : same.name === 'want/loss'
          ? withElement(same, 0, Number.NaN)
          : same
    const { faults } = { faults: [], ...(await verifyCase(changed(lst, { tensor }), { threads })) }
    expect(faults).toContainEqual(expect.stringContaining('want/loss is off by Infinity: got NaN, want NaN'))
  })

  // biome-ignore lint/suspicious/noExplicitAny: any JSON, to be changed anywhere
  test.each<[string, string, (json: any) => void]>([
    ['side_final_upsample.bias trains and should not', lst, ({ trained }) => trained.pop()],
    ['shared.weight should train and does not', lst, ({ trained }) => trained.push('shared.weight')],
    ['has a gradient and should not', lst, ({ unused }) => unused.push('side_final_upsample.bias')],
    ['changed and should not', lst, ({ unused }) => unused.push('side_final_upsample.bias')],
  ])('%s', async (fault, name, json) => {
    expect(await verifyCase(changed(name, { json }), { threads })).toMatchObject({
      outcome: 'failed',
      faults: expect.arrayContaining([expect.stringContaining(fault)]),
    })
  })

  test('weights that the model needs and the case lacks', async () => {
    const tensor = (same: CaseTensor) => (same.name === 'weight/side_final_upsample.bias' ? undefined : same)
    expect(await verifyCase(changed(lst, { tensor }), { threads })).toMatchObject({
      outcome: 'failed',
      faults: ['it stopped: weight side_final_upsample.bias is missing, the model has (24)'],
    })
  })

  test('a case that expects nothing', async () => {
    const tensor = (same: CaseTensor) => (isExpected(same) ? undefined : same)
    expect(await verifyCase(changed('vl/norms', { tensor }), { threads })).toMatchObject({
      faults: ['it expects nothing'],
    })
  })
})
