/** Runs that have trained: scored again, and asked about pictures of one's own. */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import sharp, { type Color } from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TrainEvent } from '../../src/training/events.js'
import {
  type EvaluateOptions,
  evaluate,
  findImages,
  type Predicted,
  predict,
} from '../../src/training/index.js'
import { openTrainedRun } from '../../src/training/trainedRun.js'
import { runTraining, type Told, type World, writeRunnableT5, writeWorld } from '../support/runs.js'
import { folderOfFile } from '../support/weights.js'

const folder = folderOfFile()
let world: World
let cache: string
const at = (...parts: readonly string[]) => join(folder, ...parts)

/** Enough to know colours. */
const learning = { maxSteps: 240, epochs: 60, evalEvery: 80, saveEvery: 80 }
let lst: Told

beforeAll(async () => {
  world = await writeWorld(at('world'))
  cache = world.cache
  lst = await runTraining(world, learning, { run: at('lst') })
})

const quiet = () => ({ cache, onNote: () => {}, report: () => {} })
const evaluated = (run: string, options: Partial<EvaluateOptions> = {}) =>
  evaluate(run, { ...quiet(), ...options })

async function predicted(run: string, images: readonly string[], question = 'what colour is this ?') {
  const all: Predicted[] = []
  for await (const one of predict(run, { ...quiet(), asked: { images, question, texts: [] } })) all.push(one)
  return all
}

/** A copy of the run that something is done to. */
function changed(name: string, change: (run: string) => void): string {
  const run = at(name)
  cpSync(at('lst'), run, { recursive: true, verbatimSymlinks: true })
  change(run)
  return run
}

const setting = (run: string, name: string, value: string) => {
  const file = join(run, 'config.yaml')
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(new RegExp(`^${name}: .*$`, 'm'), `${name}: ${value}`),
  )
}

describe('a run scored again', () => {
  test.each(['validation', 'test'])('has the scores and the answers of its own end: %s', async (split) => {
    const file = join(at('lst'), 'predictions', `${split}.json`)
    const own = readFileSync(file)
    rmSync(file)
    const events: TrainEvent[] = []
    const result = await evaluated(at('lst'), { split, report: (event) => events.push(event) })
    expect(result.scores).toEqual({ [split]: lst.result.scores[split] })
    expect(result.scores[split]?.[0]?.score).toBeGreaterThan(50)
    expect(result.predictions).toBe(file)
    expect(readFileSync(file)).toEqual(own)
    expect(events.map(({ kind }) => kind)).toEqual(['evaluating', 'evaluation'])
  })

  test('is so after full fine-tuning, whatever became of the backbone’s weights', async () => {
    const backbone = writeRunnableT5(at('other'), { num_layers: 1, num_decoder_layers: 1 }, (_, values) =>
      values.fill(0),
    )
    const { result } = await runTraining(world, { ...learning, method: 'full' }, { run: at('full') })
    setting(at('full'), 'backbone', backbone)
    expect((await evaluated(at('full'))).scores.test).toEqual(result.scores.test)
  })

  test('takes the test, or the validation split where there is none', async () => {
    expect(Object.keys((await evaluated(at('lst'))).scores)).toEqual(['test'])
    const dataset = at('untested')
    cpSync(world.dataset, dataset, { recursive: true })
    rmSync(join(dataset, 'vqa', 'karpathy_test.json'))
    const run = changed('untested-run', (path) => setting(path, 'dataset', dataset))
    expect(Object.keys((await evaluated(run)).scores)).toEqual(['validation'])
  })

  test('takes the best weights, the last ones when asked, or when none were scored', async () => {
    const run = changed('two', (path) => {
      const [first] = readdirSync(join(path, 'checkpoints')).sort()
      const last = join(path, 'checkpoints', 'step-000240')
      if (first !== 'step-000240')
        renameSync(join(path, 'checkpoints', first!), join(path, 'checkpoints', 'best'))
      else cpSync(last, join(path, 'checkpoints', 'best'), { recursive: true })
      for (const name of ['best', 'last']) rmSync(join(path, name))
      writeFileSync(join(path, 'best'), 'checkpoints/best\n') // where links don't exist
      writeFileSync(join(path, 'last'), 'checkpoints/step-000240\n')
    })
    const stepOf = async (checkpoint?: 'best' | 'last') =>
      (await evaluated(run, { ...(checkpoint ? { checkpoint } : {}) })).step
    const best = await stepOf()
    expect([await stepOf('best'), await stepOf('last')]).toEqual([best, 240])
    rmSync(join(run, 'best'))
    expect(await stepOf()).toBe(240)
    await expect(stepOf('best')).rejects.toThrow(`${run} has no best checkpoint yet: use --checkpoint last`)
    rmSync(join(run, 'last'))
    await expect(stepOf()).rejects.toThrow(
      `${run} has no checkpoint yet: go on with it by vl-lst train --resume ${run}`,
    )
  })

  test('has its scheduled inputs as they stood in the epoch of the checkpoint', async () => {
    const methodOptions = { variant: 'text', gate: 'schedule-linear' }
    const over = {
      variant: 'text',
      methodOptions,
      maxSteps: 6,
      epochs: 3,
      saveEvery: 3,
      evalEvery: 100,
    } as const
    await runTraining(world, over, { run: at('gates') })
    const scalarsAt = async (checkpoint: string) => {
      const run = at(`gates-${checkpoint}`)
      cpSync(at('gates'), run, { recursive: true, verbatimSymlinks: true })
      rmSync(join(run, 'best'))
      writeFileSync(join(run, 'best'), `checkpoints/${checkpoint}`)
      const opened = await openTrainedRun(run, quiet())
      opened.close()
      return Object.values(opened.scalars)
    }
    const [early, late] = [await scalarsAt('step-000003'), await scalarsAt('step-000006')]
    expect(early).toHaveLength(1)
    expect(late).not.toEqual(early)
  })

  test('may have been trained on a file of one’s own', async () => {
    const pictures = join(world.dataset, 'COCO', 'images', 'train2014')
    const lines = readdirSync(pictures).map((name) => ({
      ...{ image: join(pictures, name), question: 'is this red ?', answer: 'No.' },
    }))
    const dataset = at('my.jsonl')
    writeFileSync(dataset, lines.map((line) => JSON.stringify(line)).join('\n'))
    const told = await runTraining({ ...world, dataset }, {}, { run: at('own') })
    expect(told.events).toContainEqual({
      kind: 'note',
      text: '2 words, such as "?", have signs that the vocabulary can\'t spell: the model can\'t read or write them',
    })
    expect((await evaluated(at('own'))).scores).toEqual(told.result.scores)
  })
})

describe('what is wrong is said in one line', () => {
  test('a folder that is no run', async () => {
    await expect(evaluated(at('world'))).rejects.toThrow(
      `${at('world')}: no config.yaml is there: name the folder of a run`,
    )
  })

  test('a split that the data set lacks', async () => {
    await expect(evaluated(at('lst'), { split: 'tset' })).rejects.toThrow(
      `--split tset: ${world.dataset} has train, validation, test: choose one of them`,
    )
  })

  test('a backbone that has moved', async () => {
    const run = changed('no-backbone', (path) => setting(path, 'backbone', '/nowhere'))
    await expect(evaluated(run)).rejects.toThrow(
      `${join(run, 'config.yaml')}: "backbone" /nowhere: there is no such folder: name a`,
    )
  })

  test('another backbone in its place', async () => {
    const backbone = writeRunnableT5(at('wider'), { num_layers: 1, num_decoder_layers: 1, d_model: 32 })
    const run = changed('wider-run', (path) => setting(path, 'backbone', backbone))
    await expect(evaluated(run)).rejects.toThrow(
      /model\.safetensors: tensor ".*" is \(.*\), where .*wider asks for \(.*\): put the backbone back/,
    )
  })

  test('a data set that has moved', async () => {
    const run = changed('no-data', (path) => setting(path, 'dataset', '/nowhere'))
    await expect(evaluated(run)).rejects.toThrow(
      `${join(run, 'config.yaml')}: "dataset" /nowhere does not exist: name a folder with a data set`,
    )
  })

  test('a damaged checkpoint', async () => {
    const run = changed('damaged', (path) =>
      truncateSync(join(path, 'best', 'adapter_model.safetensors'), 100),
    )
    await expect(evaluated(run)).rejects.toThrow(/adapter_model\.safetensors is damaged/)
  })
})

describe('pictures of one’s own', () => {
  const pictures = at('pictures')
  const solid = (background: Color, width = 16, height = 16, channels: 3 | 4 = 3) =>
    sharp({ create: { width, height, channels, background } })

  test('are answered without the data set, whatever their format; a folder’s by name, broken ones in between', async () => {
    mkdirSync(pictures)
    await solid('green').jpeg().toFile(join(pictures, 'a.jpg'))
    writeFileSync(join(pictures, 'broken.png'), (await solid('red').png().toBuffer()).subarray(0, 60))
    await solid({ r: 255, g: 0, b: 0, alpha: 1 }, 16, 16, 4).png().toFile(join(pictures, 'c.PNG'))
    await solid('black').withMetadata({ orientation: 6 }).jpeg().toFile(join(pictures, 'd.jpeg'))
    writeFileSync(join(pictures, 'notes.txt'), '')
    const run = changed('alone', (path) => setting(path, 'dataset', '/nowhere'))
    const answers = await predicted(run, findImages(pictures))
    expect(answers).toEqual([
      { image: join(pictures, 'a.jpg'), answer: 'green' },
      {
        image: join(pictures, 'broken.png'),
        error: expect.stringMatching(/broken\.png is not a picture that can/),
      },
      { image: join(pictures, 'c.PNG'), answer: 'red' },
      { image: join(pictures, 'd.jpeg'), answer: 'black' },
    ])
    expect(await predicted(run, [join(pictures, 'a.jpg')], 'is this red ?')).toEqual([
      { image: join(pictures, 'a.jpg'), answer: 'no' },
    ])
  })

  test('are turned upright, and may be of any size that the encoder takes', async () => {
    const [large, odd] = [at('large.jpg'), at('odd.jpg')]
    await solid('black', 40, 24).jpeg().toFile(large)
    await solid('black', 20, 16).withMetadata({ orientation: 6 }).jpeg().toFile(odd)
    expect(await predicted(at('lst'), [large, odd])).toEqual([
      { image: large, answer: 'black' },
      {
        image: odd,
        error: expect.stringContaining(`${odd} is 16×20 pixels, which --vision patches can't cut`),
      },
    ])
  })

  test('have to be there', () => {
    mkdirSync(at('empty'))
    expect(() => findImages(at('empty'))).toThrow(`--image ${at('empty')} holds no pictures`)
    expect(() => findImages(at('nothing.png'))).toThrow(`--image ${at('nothing.png')} does not exist`)
  })

  test('a question that is cut, or that cannot be spelt, is noted', async () => {
    const notes: string[] = []
    const question = `das${' is'.repeat(19)}`
    const options = { ...quiet(), onNote: (text: string) => notes.push(text) }
    const asked = { images: [at('large.jpg')], question, texts: [] }
    for await (const _ of predict(at('lst'), { ...options, asked }));
    expect(notes).toEqual([
      'the question is longer than 20 tokens and is cut',
      expect.stringMatching(/^"das" has signs that the vocabulary can't spell/),
    ])
  })
})
