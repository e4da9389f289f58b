/** GLUE's texts, splits and metrics. */
import { z } from 'zod'
import { glueDivision } from '../../../datasets/index.js'
import { Random } from '../../base/index.js'
import { type GlueTask, glue } from '../../tasks/index.js'
import type { Check } from '../kind.js'
import { NotSupported } from '../notSupported.js'

/** @throws {NotSupported} a task that isn't built */
function taskOf(name: string): GlueTask {
  const task = glue.find((each) => each.name === name)
  if (!task) throw new NotSupported(`task ${name}`)
  return task
}

const texts = z.object({
  items: z.array(
    z.object({
      task: z.string(),
      fields: z.record(z.string(), z.union([z.string(), z.number()])),
      add_prefix: z.boolean(),
      source: z.unknown(),
      target: z.unknown(),
    }),
  ),
  want: z.object({ labels: z.record(z.string(), z.unknown()).default({}) }).default({ labels: {} }),
})

/** Fields of a row that are no texts. */
const otherFields = ['label', 'idx']

export function checkGlueTexts(json: unknown): Check[] {
  const { items, want } = texts.parse(json)
  const ofItems = items.flatMap(({ task: name, fields, add_prefix: prefixed, source, target }, i) => {
    const task = taskOf(name)
    const sample = {
      index: i,
      texts: Object.fromEntries(
        Object.entries(fields).flatMap(([field, text]) =>
          otherFields.includes(field) ? [] : [[field, String(text)]],
        ),
      ),
      label: Number(fields.label),
    }
    const text = (prefixed ? task.prompt : '') + task.text(sample)
    return [
      { name: `items.${i}.source`, want: source, got: text },
      { name: `items.${i}.target`, want: target, got: task.target(sample, new Random()).text },
    ]
  })
  const labels = Object.entries(want.labels).map(([name, wanted]) => ({
    ...{ name: `want.labels.${name}`, want: wanted, got: taskOf(name).longestTarget },
  }))
  return [...ofItems, ...labels]
}

const splits = z.object({
  data_seed: z.literal(42),
  items: z.array(
    z.object({
      task: z.string(),
      split: z.enum(['train', 'validation', 'test']),
      from: z.string(),
      size: z.int().nonnegative(),
      want: z.looseObject({ first: z.array(z.number()), last: z.array(z.number()) }),
    }),
  ),
})

/** @throws {NotSupported} another seed than that of all the reference's runs */
export function checkGlueSplits(json: unknown): Check[] {
  const parsed = splits.safeParse(json)
  if (!parsed.success) throw new NotSupported(`splits: ${parsed.error.issues[0]!.path.join('.')}`)
  return parsed.data.items.flatMap(({ task, split, from, size, want }, i) => {
    const part = glueDivision(task)?.[split]
    if (!part) throw new NotSupported(`splits of task ${task}`)
    const picked = [...part.pick(size)]
    const got = {
      count: picked.length,
      first: picked.slice(0, want.first.length),
      last: picked.slice(picked.length - want.last.length),
      checksum: checksum(picked),
    }
    return [
      { name: `items.${i}.from`, want: from, got: part.from },
      { name: `items.${i}.want`, want, got },
    ]
  })
}

/** Σ (place + 1) · index, modulo a prime. */
function checksum(indices: readonly number[]): number {
  return indices.reduce((sum, index, place) => (sum + (place + 1) * index) % 1_000_000_007, 0)
}

const metrics = z.object({
  items: z.array(
    z.object({
      predictions: z.array(z.string()),
      labels: z.array(z.string()),
      want: z.record(z.string(), z.unknown()),
    }),
  ),
})

export function checkGlueMetrics(json: unknown, task: GlueTask): Check[] {
  return metrics.parse(json).items.map(({ predictions, labels, want }, i) => ({
    ...{ name: `items.${i}.want`, want, got: task.metricsOf(predictions, labels) },
  }))
}
