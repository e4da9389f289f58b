import { visualEmbedding } from '../../../vl/index.js'
import { gradients, graphOf, input, mul, sum } from '../../graph/index.js'
import { buildModel, type Scope } from '../../models/index.js'
import { float32, int64, nativeRuntime, type Tensors } from '../../runtime/index.js'
import { checkInputs, type Pictures, readPictures } from '../batch.js'
import { type RecordedCase, readValues, type Section } from '../case.js'
import { tensorOf } from '../feeds.js'
import type { Kind } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { openParameters } from '../parameters.js'
import { copyOf, floats, numbersOf, type Values } from '../values.js'
import { type CaseVision, readVision } from '../vision.js'

/** What tells the architectures apart here. */
const architectures: Readonly<Record<string, { readonly norm: 'rms' | 'layer'; readonly root: string }>> = {
  t5: { norm: 'rms', root: '' },
  bart: { norm: 'layer', root: 'model' },
}

const orders = { imageOrder: 'img_order_ids', objectOrder: 'obj_order_ids' } as const

/** The embedding alone: `want/vis_embeds`, and gradients of Σ vis_embeds · `in/probe` by its own parameters. */
export const visualEmbeddingAlone: Kind = {
  name: 'visual_embedding',
  async compute(recorded, { threads }) {
    checkInputs(recorded, ['vis_feats', 'boxes', 'probe', ...Object.values(orders)])
    const { vision, root } = readModule(recorded)
    const pictures = readPictures(recorded.inputs, vision, imagesOf(recorded))
    const { graph, parameters } = embeddingGraph(recorded, vision, root)
    const store = openParameters(parameters, recorded.weights)
    const session = await nativeRuntime.createSession(graph, threads ? { threads } : {})
    try {
      const trained = [...store.parameters.values()].map(({ name, value }) => [name, value] as const)
      const computed = await session.run({
        ...feeds(recorded, pictures, root),
        ...Object.fromEntries(trained),
      })
      const values = new Map(Object.entries(computed).map(([name, tensor]) => [name, copyOf(tensor)]))
      return { values: vision.pooling ? values.set('want/downsampled', downsampled(pictures)) : values }
    } finally {
      session.close()
      store.release()
    }
  },
}

function readModule(recorded: RecordedCase): { readonly vision: CaseVision; readonly root: string } {
  const { model_type: type, d_model: dModel }: Section = recorded.json.model ?? {}
  const architecture = architectures[String(type)]
  if (!architecture) throw new NotSupported(`model_type ${JSON.stringify(type)}`)
  const vision = readVision(recorded, { dModel: Number(dModel), norm: architecture.norm })
  if (!vision) throw new NotSupported('module visual_embedding without a vision section')
  return { vision, root: architecture.root }
}

/** Reference: order ids are given exactly where there are two images, one behind the other. */
function imagesOf({ inputs }: RecordedCase): number {
  if (!inputs.tensors.has(orders.imageOrder)) return 1
  return Math.max(2, new Set(numbersOf(readValues(inputs, orders.imageOrder))).size)
}

/** The token table's name: the embedding uses its last rows, and leaves them as they are. */
const tableOf = (root: string) => `${root === '' ? '' : `${root}.`}shared.weight`

function embeddingGraph({ inputs, weights }: RecordedCase, { embedding }: CaseVision, root: string) {
  const { featDim, dModel } = embedding
  const model = buildModel({ trains: () => true })
  const top: Scope = root === '' ? model.root : model.root.at(root)
  const rows = ['batch', 'positions'] as const
  const order = Object.fromEntries(
    Object.entries(orders).flatMap(([name, given]) =>
      inputs.tensors.has(given) ? [[name, input(name, rows, 'int64')]] : [],
    ),
  )
  const z = visualEmbedding(
    top.at('encoder.visual_embedding'),
    {
      ...order,
      features: input('features', [...rows, featDim]),
      boxes: input('boxes', [...rows, 4]),
      shared: input('shared', weights.tensors.get(tableOf(root))!.shape),
    },
    embedding,
  )
  const loss = sum(mul(z, input('probe', [...rows, dModel])))
  const parameters = [...model.parameters.values()]
  const found = gradients(
    loss,
    parameters.map(({ tensor }) => tensor),
  )
  const named = parameters.map(({ spec: { name } }, i) => [`grad/${name}`, found[i]!] as const)
  return {
    graph: graphOf({ 'want/vis_embeds': z, 'want/loss': loss, ...Object.fromEntries(named) }),
    parameters: parameters.map(({ spec }) => spec),
  }
}

function feeds({ inputs, weights }: RecordedCase, pictures: Pictures, root: string): Tensors {
  const { batch, images, positions, features, boxes } = pictures
  const rows = [batch, images * positions]
  const order = Object.entries(orders).flatMap(([name, given]) =>
    inputs.tensors.has(given) ? [[name, int64(rows, keptIds(readValues(inputs, given), pictures))]] : [],
  )
  return {
    ...Object.fromEntries(order),
    features: float32([...rows, features.length / (batch * images * positions)], features),
    boxes: float32([...rows, 4], boxes),
    probe: tensorOf(readValues(inputs, 'probe')),
    shared: tensorOf(readValues(weights, tableOf(root))),
  }
}

/** Ids of the first rows of every image: ids are not pooled. */
function keptIds(ids: Values, { given, positions }: Pictures): BigInt64Array {
  const kept = numbersOf(ids).filter((_, i) => i % given < positions)
  return BigInt64Array.from(kept, BigInt)
}

function downsampled({ batch, images, positions, features }: Pictures): Values {
  const rows = images * positions
  return floats([batch, rows, features.length / (batch * rows)], features)
}
