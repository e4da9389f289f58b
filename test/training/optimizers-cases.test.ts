/** The recorded cases of optimizers: `parity/glue/optimize-*` and `parity/vl/optimizer-adamw`. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { nativeRuntime } from '../../src/runtime/index.js'
import { clippingScale, createNorm, optimizers } from '../../src/training/optimizers/index.js'
import { ParameterStore } from '../../src/training/parameters.js'
import { learningRateAt, schedules } from '../../src/training/schedule.js'
import { openSafetensors } from '../../src/weights/index.js'
import { shared } from '../support/weights.js'

interface Train {
  readonly optimizer: string
  readonly weight_decay: number
  readonly schedule: string
  readonly warmup_steps: number
  readonly total_steps: number
  readonly steps: number
  // text code
  readonly learning_rate?: number
  readonly adam_beta1?: number
  readonly adam_beta2?: number
  readonly adam_epsilon?: number
  readonly max_grad_norm?: number
  // vision code
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly clip_grad_norm?: number
  readonly no_decay?: readonly string[]
}

interface Case {
  readonly train: Train
  readonly weight_decay_of?: Readonly<Record<string, number>>
  readonly tolerance: Readonly<Record<string, { readonly rtol: number; readonly atol: number }>>
}

/** Options that each optimizer has, from a case. */
const optionsOf: Readonly<Record<string, (train: Train) => Record<string, number>>> = {
  adamw: ({ betas, eps, adam_beta1, adam_beta2, adam_epsilon, weight_decay }) => ({
    beta1: betas?.[0] ?? adam_beta1!,
    beta2: betas?.[1] ?? adam_beta2!,
    epsilon: eps ?? adam_epsilon!,
    weightDecay: weight_decay,
  }),
  adafactor: ({ weight_decay }) => ({ weightDecay: weight_decay }),
}

function decays(name: string, { train, weight_decay_of }: Case): boolean {
  return weight_decay_of ? weight_decay_of[name]! > 0 : !train.no_decay!.some((part) => name.includes(part))
}

/** Computes everything that a case expects, by the names of its tensors. */
async function replay(folder: string) {
  const recorded: Case = JSON.parse(readFileSync(shared('parity', folder, 'case.json'), 'utf8'))
  const file = openSafetensors(shared('parity', folder, 'tensors.safetensors'))
  const { train } = recorded
  const names = [...file.tensors.keys()].flatMap((name) => /^weight\/(.*)/.exec(name)?.[1] ?? [])
  const store = new ParameterStore(
    names.map((name) => ({
      name,
      shape: file.tensors.get(`weight/${name}`)!.shape,
      decays: decays(name, recorded),
    })),
  )
  for (const { name, value } of store.parameters.values())
    value.floats.set(file.readFloat32(`weight/${name}`))
  const context = { runtime: nativeRuntime, threads: 2 }
  const row = optimizers.get(train.optimizer)
  const optimizer = await row.create(store, optionsOf[row.name]!(train), context)
  const norm = await createNorm(store, context)
  const got = new Map<string, readonly number[]>()
  const [rates, norms]: [number[], number[]] = [[], []]
  try {
    for (let step = 0; step < train.steps; step++) {
      const without = new Set(names.filter((name) => !file.tensors.has(`in/grad.${step}/${name}`)))
      for (const { name, gradient } of store.parameters.values()) {
        if (without.has(name))
          gradient.floats.fill(123) // of an earlier step: must not be read
        else gradient.floats.set(file.readFloat32(`in/grad.${step}/${name}`))
      }
      const learningRate = learningRateAt(step, schedules.get(train.schedule), {
        learningRate: train.lr ?? train.learning_rate!,
        warmupSteps: train.warmup_steps,
        totalSteps: train.total_steps,
      })
      const measured = await norm.measure(without)
      const gradientScale = clippingScale(measured, train.clip_grad_norm ?? train.max_grad_norm!)
      await optimizer.step({ learningRate, gradientScale, without })
      rates.push(learningRate)
      norms.push(measured)
      for (const { name, value } of store.parameters.values()) {
        const values = [...value.floats]
        for (const key of [`want/param.${step}/`, `want/after.${step}/`, 'after/'])
          got.set(key + name, values)
      }
    }
  } finally {
    optimizer.close()
    norm.close()
    store.release()
  }
  for (const key of ['want/lr', 'want/lrs']) got.set(key, rates)
  for (const key of ['want/grad_norm', 'want/grad_norms']) got.set(key, norms)
  const wanted = [...file.tensors.keys()].filter((name) => /^(want|after)\//.test(name))
  return { recorded, got, wanted: new Map(wanted.map((name) => [name, file.readFloat32(name)])) }
}

/** Largest difference as a share of what the case allows: atol + rtol · max |want|, longest matching prefix. */
function shareOfTolerance(
  name: string,
  got: readonly number[],
  want: Float32Array,
  tolerance: Case['tolerance'],
): number {
  const prefix = Object.keys(tolerance)
    .filter((key) => name.startsWith(key))
    .sort((a, b) => b.length - a.length)[0]
  const { rtol, atol } = tolerance[prefix ?? 'default']!
  const allowed = atol + rtol * Math.max(...want.map(Math.abs))
  expect(got.length).toBe(want.length)
  return Math.max(...got.map((value, i) => Math.abs(value - want[i]!))) / allowed
}

describe.each([
  'glue/optimize-adafactor',
  'glue/optimize-adamw',
  'glue/optimize-adamw-clip-warmup',
  'glue/optimize-adamw-constant',
  'vl/optimizer-adamw',
])('%s', (folder) => {
  test('parameters, rates and norms are those recorded', async () => {
    const { recorded, got, wanted } = await replay(folder)
    const shares = [...wanted].map(([name, want]) => ({
      name,
      share: shareOfTolerance(name, got.get(name)!, want, recorded.tolerance),
    }))
    expect(shares.length).toBeGreaterThan(10)
    expect(shares.filter(({ share }) => !(share <= 1))).toEqual([])
  })
})
