/** Nothing that a case asks for is ignored in silence. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/base/index.js'
import { verifyCase } from '../../src/verify/index.js'
import { temporaryFolder } from '../support/weights.js'
import { changed } from './cases.js'

const [vision, text] = ['vl/t5-lst', 'glue/t5-lst-distill']

describe('not supported', () => {
  // biome-ignore lint/suspicious/noExplicitAny: any JSON, to be changed anywhere
  test.each<[string, string, (json: any) => void]>([
    ['kind dance', vision, (json) => (json.kind = 'dance')],
    ['"model_type" is "gpt2"', vision, ({ model }) => (model.model_type = 'gpt2')],
    ['relative_attention_max_distance', vision, ({ model }) => (model.relative_attention_max_distance = 64)],
    ['architecture "decoder"', text, ({ model }) => (model.architecture = 'decoder')],
    ['feed_forward_proj', vision, ({ model }) => (model.feed_forward_proj = 'gated-silu')],
    ['method hat (variant vision)', vision, ({ method }) => (method.name = 'hat')],
    ['method lst (variant huggingface)', vision, ({ method }) => (method.variant = 'huggingface')],
    ['method option merge_last = false', vision, ({ method }) => (method.merge_last = false)],
    ['method option novelty = 1', text, ({ method }) => (method.novelty = 1)],
    ['method option gate', text, ({ method }) => (method.use_gate = 'ajar')],
    [
      'method option trainable_encoder_layers = [1]',
      text,
      ({ method }) => (method.trainable_encoder_layers = [1]),
    ],
    ['vision option sparse_sample = true', vision, (json) => (json.vision.sparse_sample = true)],
    ['vision option pos_dim = 5', vision, (json) => (json.vision.pos_dim = 5)],
    ['vision option novelty = null', vision, (json) => (json.vision.novelty = null)],
    ['train option dropout = true', vision, ({ train }) => (train.dropout = true)],
    ['train option novelty = 0', text, ({ train }) => (train.novelty = 0)],
    ['train option variant', text, ({ train }) => (train.variant = 'keras')],
    ['optimizer lion', text, ({ train }) => (train.optimizer = 'lion')],
    ['schedule stairs', text, ({ train }) => (train.schedule = 'stairs')],
    ['task dance', vision, (json) => (json.task = 'dance')],
    ['task option classifier = true', 'vl-tasks/loss-vqa-t5-lst', ({ task }) => (task.classifier = true)],
    ['task "dance" of a CLIP', 'clip/contrastive-projections', (json) => (json.task = 'dance')],
    ['method option novelty = 1', 'clip/contrastive-projections', ({ method }) => (method.novelty = 1)],
    ['hidden_act', 'clip/vit-interpolate', ({ model }) => (model.vision_config.hidden_act = 'relu')],
    ['pictures of 35×42', 'clip/vit-interpolate', ({ options }) => (options.interpolate_positions = false)],
    ['module option novelty = 1', 'clip/vit-interpolate', ({ options }) => (options.novelty = 1)],
    ['pruning by fisher-v4', 'glue/prune-fisher-v2-drop', ({ prune }) => (prune.version = 'v4')],
    [
      'prune option weight_scale = true',
      'glue/prune-fisher-v2-drop',
      ({ prune }) => (prune.weight_scale = true),
    ],
    [
      'importance by a classifier of "three" labels on bart',
      'glue/prune-bart-fisher',
      ({ model }) => (model.num_labels = 'three'),
    ],
    ['prune option novelty = 1', 'glue/prune-fisher-v2-drop', ({ prune }) => (prune.novelty = 1)],
    ['method option novelty = 1', 'vl/prune-magnitude-v5', ({ method }) => (method.novelty = 1)],
    ['module hat', 'vl/norms', (json) => (json.module = 'hat')],
    ['max_distance = 64', 'vl/relative-buckets', (json) => (json.max_distance = 64)],
    ['generate option num_beams = 2', 'glue/generate-lst-greedy', ({ generate }) => (generate.num_beams = 2)],
    [
      'generate option min_length = 4',
      'glue/generate-lst-greedy',
      ({ generate }) => (generate.min_length = 4),
    ],
    ['generate option novelty = 4', 'glue/generate-lst-greedy', ({ generate }) => (generate.novelty = 4)],
    [
      'decoding with a scheduled gate',
      'glue/generate-lst-greedy',
      ({ method }) => (method.use_gate = 'schedule-linear'),
    ],
    ['text dance', 'vl-tasks/text-vqa-normalize', (json) => (json.function = 'dance')],
    [
      'metric glue-wnli',
      'vl-tasks/text-vqa-normalize',
      (json) => {
        Object.assign(json, { kind: 'metric', function: undefined, task: 'glue-wnli' })
      },
    ],
    ['task wnli', 'glue/text-glue', ({ items }) => (items[3].task = 'wnli')],
    ['splits of task wnli', 'glue/text-splits', ({ items }) => (items[3].task = 'wnli')],
    ['splits: data_seed', 'glue/text-splits', (json) => (json.data_seed = 43)],
  ])('%s', async (what, name, json) => {
    expect(await verifyCase(changed(name, { json }))).toMatchObject({
      outcome: 'not supported',
      what: expect.stringContaining(what),
    })
  })

  test('an input that would stay unread', async () => {
    const more = [{ name: 'in/depth', shape: [1], data: Float32Array.of(1) }]
    expect(await verifyCase(changed(vision, { more }))).toEqual({
      ...{ name: vision, outcome: 'not supported', what: 'input in/depth' },
    })
  })
})

test('what has no effect in the reference is accepted', async () => {
  const folder = changed(text, {
    json: ({ method }) => Object.assign(method, { samples_for_fisher: 1024, weight_scale: true }),
  })
  expect((await verifyCase(folder)).outcome).toBe('passed')
})

describe('refused', () => {
  test.each([
    ['no case', undefined, 'is not a recorded case'],
    ['no JSON', '{', 'is not JSON'],
    ['no kind', '{}', '"kind"'],
    [
      'a tolerance without atol',
      '{"kind":"train","tolerance":{"default":{"rtol":1}}}',
      '"tolerance.default.atol"',
    ],
    ['weights that are not there', '{"kind":"train","weights":["no.safetensors"]}', 'there is no such file'],
  ])('%s', async (_, content, message) => {
    const folder = temporaryFolder()
    if (content !== undefined) writeFileSync(join(folder, 'case.json'), content)
    await expect(verifyCase(folder)).rejects.toThrow(UserError)
    await expect(verifyCase(folder)).rejects.toThrow(message)
  })
})
