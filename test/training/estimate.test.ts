/** What a training takes, from configurations alone: the tables of the paper's code, to the last parameter. */
import { describe, expect, test } from 'vitest'
import { countParameters, type PartialConfig, paperConfig } from '../../src/training/index.js'

type Row = readonly [name: string, trained: number, percent: number, options?: Record<string, unknown>]

function counts(over: PartialConfig, labels?: number) {
  return countParameters(paperConfig(over), { featDim: 2048, labels })
}

const rounded = (part: number, whole: number) => Number(((100 * part) / whole).toFixed(4))

describe('vision and language, options of the paper’s scripts', () => {
  test.each([
    ['full', 't5-base', 224540160, 224540160, 100],
    ['adapter', 't5-base', 19333632, 242292480, 7.9795],
    ['lora', 't5-base', 18170112, 241128960, 7.5354],
    ['bitfit', 't5-base', 1865416, 224824264, 0.8297],
    ['prompt', 't5-base', 2842400, 225801248, 1.2588],
    ['lst', 't5-base', 17967384, 240926232, 7.4576],
    ['full', 'bart-base', 141156864, 141156864, 100],
    ['adapter', 'bart-base', 10508160, 150033024, 7.0039],
    ['lora', 'bart-base', 10003200, 149451264, 6.6933],
    ['bitfit', 'bart-base', 1708800, 141156864, 1.2106],
    ['prompt', 'bart-base', 2843936, 142417952, 1.9969],
  ])('%s on %s', (method, backbone, trained, all, percent) => {
    const found = counts({ task: 'vqa', method, backbone })
    expect(found).toMatchObject({ trained, all })
    expect(rounded(found.trained, found.all)).toBe(percent)
  })

  test.each([
    [8, 6678552, 229637400, 2.9083],
    [2, 59124504, 282083352, 20.9599],
  ])('a ladder of 1/%i', (reductionFactor, trained, all, percent) => {
    const found = counts({
      ...{ task: 'vqa', method: 'lst', backbone: 't5-base', methodOptions: { reductionFactor } },
    })
    expect(found).toMatchObject({ trained, all })
    expect(rounded(found.trained, found.all)).toBe(percent)
  })
})

const upper = [6, 7, 8, 9, 10, 11]
const ladderLayers = (layers: readonly number[]) => ({ encoderSideLayers: layers, decoderSideLayers: layers })
/** Nine layers of twelve, as in the paper's first table. */
const nine = ladderLayers([1, 2, 3, 5, 6, 7, 9, 10, 11])
const odd = ladderLayers(Array.from({ length: 12 }, (_, i) => 2 * i + 1))
const encoderUpper = { encoderTrainableLayers: upper }
const encoderNone = { encoderTrainableLayers: [] }
const decoderUpper = { ...encoderNone, decoderTrainableLayers: upper }

const glue: Readonly<Record<string, Readonly<Record<string, readonly Row[]>>>> = {
  't5-base': {
    full: [['everything', 222882048, 100]],
    adapter: [
      ['r 16', 3625728, 1.6267],
      ['r 32', 1855104, 0.8323, { reductionFactor: 32 }],
      ['r 8', 7166976, 3.2156, { reductionFactor: 8 }],
      ['r 64', 969792, 0.4351, { reductionFactor: 64 }],
      ['r 4', 14249472, 6.3933, { reductionFactor: 4 }],
      ['encoder 6–11', 2721984, 1.2213, encoderUpper],
      ['encoder none', 1818240, 0.8158, encoderNone],
      ['encoder none, decoder 6–11', 909888, 0.4082, decoderUpper],
    ],
    lora: [
      ['rank 32', 3820644, 1.7142, { rank: 32 }],
      ['rank 4', 724068, 0.3249, { rank: 4 }],
      ['rank 8', 1166436, 0.5233, { rank: 8 }],
      ['rank 16', 2051172, 0.9203, { rank: 16 }],
      ['rank 64', 7359588, 3.302, { rank: 64 }],
      ['encoder 6–11', 3179748, 1.4267, { rank: 32, ...encoderUpper }],
      ['encoder none', 2539236, 1.1393, { rank: 32, ...encoderNone }],
      ['encoder none, decoder 6–11', 1285476, 0.5768, { rank: 32, ...decoderUpper }],
    ],
    bitfit: [
      ['all', 280932, 0.126],
      ['encoder 6–11', 230244, 0.1033, encoderUpper],
      ['encoder none', 179556, 0.0806, encoderNone],
      ['encoder none, decoder 6–11', 105828, 0.0475, decoderUpper],
    ],
    prompt: [['100 rows', 76800, 0.0345, { promptLength: 100 }]],
    lst: [
      ['r 8, nine layers', 3878712, 1.7403, nine],
      ['r 2, nine layers', 43379352, 19.4629, { ...nine, reductionFactor: 2 }],
      ['r 4, nine layers', 12400728, 5.5638, { ...nine, reductionFactor: 4 }],
      ['r 16, nine layers', 1359528, 0.61, { ...nine, reductionFactor: 16 }],
      ['r 32, nine layers', 535392, 0.2402, { ...nine, reductionFactor: 32 }],
      ['all layers', 5097240, 2.287],
      ['six layers', 2660184, 1.1935, ladderLayers([2, 3, 6, 7, 10, 11])],
      ['three layers', 1441656, 0.6468, ladderLayers([3, 7, 11])],
      ['side-tuning', 5097217, 2.287, { gate: 'one', mergeLast: true }],
      ['the pruned net alone', 5097216, 2.287, { gate: 'one' }],
      ['own head', 2179562, 0.9779, { reductionFactor: 32, ownHead: true }],
      ['own head, frozen', 1409162, 0.6322, { reductionFactor: 32, ownHead: true, freezeOwnHead: true }],
    ],
  },
  't5-large': {
    full: [['everything', 737639424, 100]],
    lst: [
      ['r 8, odd layers', 9057328, 1.2279, odd],
      ['r 8, all layers', 17718832, 2.4021],
    ],
    adapter: [['r 16', 12812288, 1.7369]],
    lora: [['rank 32', 10133860, 1.3738, { rank: 32 }]],
    bitfit: [['all', 695652, 0.0943]],
    prompt: [['100 rows', 102400, 0.0139, { promptLength: 100 }]],
  },
  't5-3b': {
    full: [['everything', 2851569664, 100]],
    lst: [['r 8, the last layer', 2494896, 0.0875, ladderLayers([23])]],
    adapter: [['r 16', 12812288, 0.4493]],
    lora: [['rank 32', 25544036, 0.8958, { rank: 32 }]],
    bitfit: [['all', 1949028, 0.0683]],
    prompt: [['100 rows', 102400, 0.0036, { promptLength: 100 }]],
  },
}

const rows = Object.entries(glue).flatMap(([backbone, methods]) =>
  Object.entries(methods).flatMap(([method, cases]) =>
    cases.map(([name, trained, percent, methodOptions = {}]) => ({
      ...{ backbone, method, name, trained, percent, methodOptions },
    })),
  ),
)

describe('GLUE, 32,100 tokens', () => {
  test.each(rows)('$method on $backbone: $name', ({ backbone, method, trained, percent, methodOptions }) => {
    const found = counts({ task: 'cola', method, backbone, methodOptions })
    expect(found.trained).toBe(trained)
    expect(rounded(found.trained, found.backbone)).toBe(percent)
  })
})

describe('a classifier over BART’s encoder', () => {
  test.each([
    ['bart-large', 2, 204730370, 5268622, 5265934],
    ['bart-large', 3, 204731395, 5269647, 5266959],
    ['bart-large', 1, 204729345, 5267597, 5264909],
    ['bart-base', 2, 82512386, 1854440, undefined],
    ['bart-base', 3, 82513155, 1855209, undefined],
    ['bart-base', 1, 82511617, 1853671, undefined],
  ])('%s, %i labels', (backbone, labels, full, ladder, withoutBiases) => {
    const ofLadder = (methodOptions: Record<string, unknown>) =>
      counts({ task: 'cola', method: 'lst', backbone, methodOptions }, labels)
    expect(counts({ task: 'cola', method: 'full', backbone }, labels).trained).toBe(full)
    expect(ofLadder({})).toMatchObject({ trained: ladder, backbone: full })
    if (withoutBiases !== undefined) expect(ofLadder({ samplingBias: false }).trained).toBe(withoutBiases)
  })
})
