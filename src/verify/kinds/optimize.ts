import { z } from 'zod'
import { nativeRuntime } from '../../runtime/index.js'
import { clippingScale, createNorm, optimizers, ParameterStore } from '../../training/index.js'
import type { RecordedCase } from '../case.js'
import type { Kind, VerifyContext } from '../kind.js'
import { NotSupported } from '../notSupported.js'
import { readTrain, type TrainSettings } from '../train.js'
import { copyOf, type Values, vector } from '../values.js'

/** Optimizer and schedule alone: gradients are given, or there are only learning rates. */
export const optimize: Kind = {
  name: 'optimize',
  async compute(recorded, context) {
    if (recorded.json.train) return { values: await replayGradients(recorded, readTrain(recorded), context) }
    return { values: ratesAlone(recorded) }
  },
}

/** `want/lr.INDEX` of each entry of `schedules`. */
function ratesAlone(recorded: RecordedCase): Map<string, Values> {
  const schedules = z.array(z.record(z.string(), z.unknown())).safeParse(recorded.json.schedules)
  if (!schedules.success) throw new NotSupported('optimize without train and schedules')
  return new Map(
    schedules.data.map((section, i) => {
      const { steps, rateAt } = readTrain(recorded, section)
      return [`want/lr.${i}`, vector(Array.from({ length: steps }, (_, step) => rateAt(step)))]
    }),
  )
}

/**
 * Parameters after step K (`want/after.K/NAME`, `want/param.K/NAME`) and at the end (`after/NAME`), rates and norms.
 * A parameter that step K has no `in/grad.K/NAME` of has no gradient in it.
 */
async function replayGradients(
  recorded: RecordedCase,
  settings: TrainSettings,
  { threads }: VerifyContext,
): Promise<Map<string, Values>> {
  const { inputs } = recorded
  const { store, weightDecay } = openStore(recorded, settings)
  const context = { runtime: nativeRuntime, ...(threads ? { threads } : {}) }
  const options = { ...settings.optimizer.options, weightDecay }
  const optimizer = await optimizers.get(settings.optimizer.name).create(store, options, context)
  const norm = await createNorm(store, context)
  const values = new Map<string, Values>()
  const [rates, norms]: [number[], number[]] = [[], []]
  try {
    for (let step = 0; step < settings.steps; step++) {
      const without = new Set<string>()
      for (const { name, gradient } of store.parameters.values()) {
        const given = `grad.${step}/${name}`
        if (inputs.tensors.has(given)) gradient.floats.set(inputs.readFloat32(given))
        else without.add(name)
      }
      rates.push(settings.rateAt(step))
      norms.push(await norm.measure(without))
      const gradientScale = clippingScale(norms.at(-1)!, settings.maxGradNorm)
      await optimizer.step({ learningRate: settings.rateAt(step), gradientScale, without })
      for (const { name, value } of store.parameters.values())
        for (const place of [`want/after.${step}`, `want/param.${step}`, 'after'])
          values.set(`${place}/${name}`, copyOf(value))
    }
  } finally {
    optimizer.close()
    norm.close()
    store.release()
  }
  for (const [name, numbers] of Object.entries({
    lr: rates,
    lrs: rates,
    grad_norm: norms,
    grad_norms: norms,
  }))
    values.set(`want/${name}`, vector(numbers))
  return values
}

const decayByName = z.record(z.string(), z.number()).optional()

/** The parameters of the case, and the decay of those that decay: by name where the case says so, else by rule. */
function openStore({ json, weights }: RecordedCase, settings: TrainSettings) {
  const byName = decayByName.parse(json.weight_decay_of)
  const rates = new Set(Object.values(byName ?? {}).filter((rate) => rate > 0))
  if (rates.size > 1) throw new NotSupported(`weight decays ${[...rates].join(' and ')} at once`)
  const names = [...weights.tensors.keys()]
  const store = new ParameterStore(
    names.map((name) => ({
      name,
      shape: weights.tensors.get(name)!.shape,
      decays: byName ? (byName[name] ?? 0) > 0 : settings.decays(name, weights.tensors.get(name)!.shape),
    })),
  )
  for (const { name, value } of store.parameters.values()) value.floats.set(weights.readFloat32(name))
  return { store, weightDecay: byName ? ([...rates][0] ?? 0) : settings.weightDecay }
}
