/** Whole runs of a tiny model: what they leave behind, and that the same run gives the same bits however it was cut. */
import { cpSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { UserError } from '../../src/base/index.js'
import { chooseRuntime, nativeRuntime, publicRuntime } from '../../src/runtime/index.js'
import { openBackbone } from '../../src/training/backbone.js'
import { openModelFolder, openSafetensors } from '../../src/weights/index.js'
import {
  checkpointsOf,
  digestsOf,
  five,
  metricsOf,
  runTraining,
  type World,
  writeRunnableT5,
  writeTinyData,
  writeWorld,
} from '../support/runs.js'
import { digest, folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
let world: World
let runs = 0

/** A run's folder that nobody has used. */
const newRun = (): string => join(folder, 'runs', String(++runs))

/** A run without interruption. */
let whole: string

beforeAll(async () => {
  world = await writeWorld(join(folder, 'world'))
  whole = newRun()
  await runTraining(world, five, { run: whole })
})

test('the public interface of ONNX Runtime trains to the same bits, from weights in two folders', async () => {
  const run = newRun()
  await runTraining(world, five, { run, runtime: publicRuntime })
  expect(digestsOf(run)).toEqual(digestsOf(whole))
})

test('the C interface is taken where it can be', () => {
  const said: string[] = []
  expect(chooseRuntime((text) => said.push(text))).toBe(nativeRuntime)
  expect(said).toEqual([])
})

describe('the folder of a run', () => {
  test('has what the contract says', () => {
    expect(readdirSync(whole).sort()).toEqual([
      ...['best', 'checkpoints', 'config.yaml', 'last', 'metrics.jsonl', 'predictions', 'report.md'],
    ])
    expect(checkpointsOf(whole)).toEqual([1, 2, 3, 4, 5].map((step) => `step-00000${step}`))
    for (const name of checkpointsOf(whole))
      expect(readdirSync(join(whole, 'checkpoints', name)).sort()).toEqual([
        ...['adapter_config.json', 'adapter_model.safetensors', 'optimizer.safetensors', 'state.json'],
      ])
    expect(readlinkSync(join(whole, 'last'))).toBe('checkpoints/step-000005')
    expect(existsSync(join(whole, 'best', 'adapter_model.safetensors'))).toBe(true)
    const config = parse(readFileSync(join(whole, 'config.yaml'), 'utf8'))
    expect(config).toMatchObject({ task: 'vqa', method: 'lst', seed: 5, 'max-steps': 5, 'batch-size': 8 })
    expect(config['method-options']).toMatchObject({ reductionFactor: 4, gate: 'learnable', tapNorm: false })
    expect(Object.keys(config.versions)).toEqual(expect.arrayContaining(['node', 'onnxruntime']))
  })

  test('metrics.jsonl has a line a step', () => {
    const lines = readFileSync(join(whole, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(5)
    for (const [i, line] of lines.entries()) {
      const record = JSON.parse(line)
      expect(record).toMatchObject({ step: i + 1, epoch: (i + 1) / 4 })
      expect(record.learningRate).toBeCloseTo(0.01 * (1 - i / 5), 12)
      for (const name of ['loss', 'gradientNorm', 'samplesPerSecond', 'peakBytes'])
        expect(record[name], name).toBeGreaterThan(0)
    }
  })

  test('predictions are submissions of every question, and the report has the tables and the command', () => {
    for (const [split, first] of [['validation', 80] as const, ['test', 100] as const]) {
      const answers = JSON.parse(readFileSync(join(whole, 'predictions', `${split}.json`), 'utf8'))
      expect(answers.map(({ question_id }: { question_id: number }) => question_id)).toEqual(
        [0, 1, 2, 3, 10, 11, 12, 13].map((id) => first + id),
      )
      for (const { answer } of answers) expect(typeof answer).toBe('string')
    }
    const report = readFileSync(join(whole, 'report.md'), 'utf8')
    for (const text of [
      '## validation',
      '## test',
      '| overall | overall | 8 |',
      '| answer type | yes/no | 4 |',
    ])
      expect(report).toContain(text)
    expect(report).toContain('`vl-lst train`')
  })

  test('an adapter is two files, which say what it is for', () => {
    const at = join(whole, 'last')
    const about = JSON.parse(readFileSync(join(at, 'adapter_config.json'), 'utf8')) as object
    expect(about).toMatchObject({
      ...{
        method: 'lst',
        options: { reductionFactor: 4 },
        variant: 'vision',
        task: 'vqa',
        vision: 'patches',
      },
      backbone: { name: world.backbone, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) },
      vocabulary: { fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) },
    })
    expect(about).not.toHaveProperty('peft_type')
    const names = [...openSafetensors(join(at, 'adapter_model.safetensors')).tensors.keys()]
    expect(names.filter((name) => !/side|visual_embedding/.test(name))).toEqual([])
    expect(names).toContain('side_final_upsample.weight')
  })

  test('a folder that holds something is left alone', async () => {
    const run = newRun()
    cpSync(whole, run, { recursive: true })
    const before = readdirSync(run, { recursive: true }).length
    const again = runTraining(world, five, { run })
    await expect(again).rejects.toThrow(`--output ${run} is not empty: `)
    await expect(again).rejects.toThrow(UserError)
    expect(readdirSync(run, { recursive: true })).toHaveLength(before)
  })
})

test('three parts of a batch of eight are one big batch', async () => {
  const run = newRun()
  await runTraining(world, { ...five, maxSteps: 1, accumulate: 3 }, { run })
  const [[parts], [big]] = [metricsOf(run), metricsOf(whole)]
  for (const name of ['loss', 'gradientNorm'])
    expect(Math.abs(Number(parts![name]) / Number(big![name]) - 1), name).toBeLessThan(1e-5)
})

describe('the best weights', () => {
  /** Validation questions are right as the untrained model answers them: training can only make it worse. */
  test('are kept, pointed at and scored at the end, where later ones are worse', async () => {
    const [still, run] = [newRun(), newRun()]
    // With a warm-up the first step's rate is 0; the gates change with every step, which is an epoch.
    const gates = { variant: 'text', methodOptions: { variant: 'text', gate: 'schedule-linear' } } as const
    const warm = {
      ...gates,
      batchSize: 32,
      seed: 7,
      warmupRatio: 0.5,
      evalEvery: 1,
      saveEvery: 1,
      keep: 1,
      learningRate: 0.3,
      maxSteps: 4,
    }
    await runTraining(world, { ...warm, maxSteps: 1, warmupRatio: 1 }, { run: still })
    const first = readFileSync(join(still, 'predictions/validation.json'), 'utf8')
    const answers = new Map<number, string>(
      JSON.parse(first).map(({ question_id, answer }: { question_id: number; answer: string }) => [
        question_id,
        answer,
      ]),
    )
    expect(new Set(answers.values())).not.toContain('')
    const dataset = await writeTinyData(join(folder, 'untrained'), (split, id, right) =>
      split === 'karpathy_val' ? answers.get(id)! : right,
    )
    const { result, events } = await runTraining({ ...world, dataset }, warm, { run })
    const scores = events.flatMap((event) =>
      event.kind === 'evaluation' && event.split === 'validation' ? [event.rows[0]!.score] : [],
    )
    expect(scores.slice(0, 4)[0]).toBe(100)
    expect(scores[3]).toBeLessThan(100)
    expect(result.scores.validation![0]!.score).toBe(100)
    expect(readFileSync(join(run, 'predictions/validation.json'), 'utf8')).toBe(first)
    expect(readFileSync(join(run, 'predictions/test.json'), 'utf8')).toBe(
      readFileSync(join(still, 'predictions/test.json'), 'utf8'),
    )
    expect(readlinkSync(join(run, 'best'))).toBe('checkpoints/step-000001')
    expect(readlinkSync(join(run, 'last'))).toBe('checkpoints/step-000004')
    expect(checkpointsOf(run)).toEqual(['step-000001', 'step-000004'])

    // Gone on with after its end, it scores the same weights again.
    const again = await runTraining(world, {}, { run, resume: true })
    expect(again.result.scores).toEqual(result.scores)
  })
})

describe('--method full', () => {
  const options = { method: 'full', maxSteps: 1, learningRate: 0.01 } as const

  test('saves a Hugging Face model that can be a backbone, its frozen layers included', async () => {
    const run = newRun()
    const methodOptions = { encoderTrainableLayers: [] }
    await runTraining(world, { ...options, methodOptions }, { run })
    const last = join(run, 'last')
    expect(readdirSync(last).sort()).toEqual([
      ...['config.json', 'model.safetensors', 'optimizer.safetensors', 'state.json'],
    ])
    const saved = openBackbone(last, { cache: join(folder, 'unused') })
    const start = openBackbone(world.backbone, { cache: join(folder, 'unused') })
    expect(openModelFolder(last).config).toMatchObject({ model_type: 't5', d_model: 24, vocab_size: 116 })
    expect(saved.config).toEqual({ ...start.config, vocabSize: 116 })
    const changed = [...start.weights.tensors.keys()].filter(
      (name) => digest(saved.weights.readFloat32(name)) !== digest(start.weights.readFloat32(name)),
    )
    expect(changed).toEqual(
      [...start.weights.tensors.keys()].filter((name) => !name.startsWith('encoder.block.')),
    )
  })

  test('a run from it starts with all of its weights, the visual embedding’s too', async () => {
    const [first, second] = [newRun(), newRun()]
    await runTraining(world, options, { run: first })
    const backbone = join(first, 'checkpoints/step-000001')
    const still = { ...options, learningRate: 1e-30, backbone, tokenizer: world.backbone }
    await runTraining(world, still, { run: second })
    const [from, kept] = [first, second].map((run) =>
      openSafetensors(join(run, 'checkpoints/step-000001/model.safetensors')),
    )
    expect([...kept!.tensors.keys()]).toEqual([...from!.tensors.keys()])
    for (const name of from!.tensors.keys())
      expect(digest(kept!.readFloat32(name)), name).toBe(digest(from!.readFloat32(name)))
  })
})

describe('what goes wrong is one line', () => {
  test('a rate that is too high: the loss is no number', async () => {
    const run = newRun()
    const failing = runTraining(world, { saveEvery: 1, learningRate: 1e30, maxGradNorm: -1 }, { run })
    await expect(failing).rejects.toThrow(UserError)
    await expect(failing).rejects.toThrow(
      /^the (loss|gradients' norm) became NaN[^\n]*: lower --learning-rate[^\n]*$/,
    )
    expect(checkpointsOf(run)).toEqual(['step-000001'])
  })

  test('a backbone that is spoilt: the loss is no number in the first step', async () => {
    const backbone = writeRunnableT5(join(folder, 'spoilt'), {}, (name, values) => {
      if (name === 'encoder.final_layer_norm.weight') values[3] = Number.NaN
    })
    const failing = runTraining({ ...world, backbone }, { method: 'full' }, { run: newRun() })
    await expect(failing).rejects.toThrow(UserError)
    await expect(failing).rejects.toThrow(/^the loss became NaN at step 0: [^\n]*$/)
  })

  test.each([
    [
      { methodOptions: { encoderSideLayers: [4] } },
      '--encoder-side-layers: there is no layer 4: the backbone has 0 to 0',
    ],
    [{ methodOptions: { encoderSideLayers: [0, 0] } }, '--encoder-side-layers: layer 0 is named twice'],
    [{ method: 'adapter', methodOptions: { reductionFactor: 25 } }, '--reduction 25 leaves nothing of a'],
    [{ method: 'prompt', methodOptions: { decoderPromptLength: 2 } }, '"decoderPromptLength" is 2: only'],
    [{ methodOptions: { ownHead: true } }, 'method lst: "ownHead" is for text alone'],
    [{ methodOptions: { gates: 'one' } }, 'method lst has no option "gates"; the nearest is "gate"'],
    [{ tokenizer: '/nowhere' }, '/nowhere: there is no such file or folder'],
    [{ nBoxes: 4 }, '--n-boxes keeps fewer positions by pooling: add --downsample'],
    [{ optimizer: 'adam' }, 'unknown optimizer "adam"; the nearest is "adamw"'],
    [{ learningRate: 0 }, '"learningRate": '],
  ])('before the first step: %j', async (over, message) => {
    const run = newRun()
    const failing = (async () => await runTraining(world, over, { run }))()
    await expect(failing).rejects.toThrow(UserError)
    await expect(failing).rejects.toThrow(message)
    expect(existsSync(run)).toBe(false)
  })
})

test('distillation and scheduled gates train too', async () => {
  const run = newRun()
  const methodOptions = { variant: 'text', lambdaDistill: 0.5, gate: 'schedule-linear' }
  await runTraining(world, { variant: 'text', methodOptions, maxSteps: 2, accumulate: 2 }, { run })
  for (const { loss } of metricsOf(run)) expect(Number(loss)).toBeGreaterThan(0)
})
