/** The `task` of a case: how its loss is weighted, and what it predicts beside. */
import { z } from 'zod'
import type { LossWeighting } from '../tasks/index.js'
import type { RecordedCase } from './case.js'
import { NotSupported } from './notSupported.js'
import { checkOptions, noEffect, only, type Rules, readOptions, to } from './options.js'

const weightings: readonly (readonly [pattern: RegExp, weighting: LossWeighting])[] = [
  [/^vqa$/, 'vqa'],
  [/^gqa$/, 'gqa'],
  [/^nlvr2?$/, 'nlvr'],
  [/^(caption|lm|glue-.+)$/, 'tokens'],
]

const rules: Rules = {
  name: noEffect,
  images: noEffect, // the features have an axis for them
  true_id: to('trueId'),
  false_id: to('falseId'),
  classifier: only(false),
}

const schema = z.object({
  trueId: z.int().nonnegative().optional(),
  falseId: z.int().nonnegative().optional(),
})

export interface CaseTask extends z.infer<typeof schema> {
  readonly weighting: LossWeighting
}

/** The task's own name: the reference calls what it adds for GLUE's `cola` so. */
export function taskName({ json: { task } }: RecordedCase): string | undefined {
  return (typeof task === 'string' ? task : task?.name)?.replace(/^glue-/, '')
}

/** @throws {NotSupported} a task or an option of it that isn't built */
export function readTask({ json }: RecordedCase): CaseTask {
  const task = typeof json.task === 'string' ? { name: json.task } : json.task
  if (!task) throw new NotSupported('a case without task')
  const weighting = weightings.find(([pattern]) => pattern.test(task.name))?.[1]
  if (!weighting) throw new NotSupported(`task ${task.name}`)
  return { weighting, ...checkOptions('task', readOptions('task', task, rules), schema) }
}
