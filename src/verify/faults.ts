/** What can be wrong with a run beside its values: which parameters train, and which get no gradient. */
import type { CaseRun } from './run.js'

/** @returns one sentence a fault, after the run's last step */
export function trainingFaults(run: CaseRun): string[] {
  const { recorded, store, without } = run
  const { trained, unused = [], no_grad: noGradient = [] } = recorded.json
  const ours = new Set(store.parameters.keys())
  const theirs = new Set(trained ?? ours)
  const idle = [...unused, ...noGradient]
  return [
    ...describe('should train and does not', theirs, (name) => !ours.has(name)),
    ...describe('trains and should not', ours, (name) => !theirs.has(name)),
    ...describe('has a gradient and should not', idle, (name) => ours.has(name) && !without.has(name)),
    ...describe('changed and should not', idle, (name) => ours.has(name) && !isAsGiven(run, name)),
  ]
}

function describe(fault: string, names: Iterable<string>, isFault: (name: string) => boolean): string[] {
  const [first, ...more] = [...names].filter(isFault)
  if (first === undefined) return []
  return [`${first} ${fault}${more.length > 0 ? ` (and ${more.length} more)` : ''}`]
}

/** Bit for bit. */
function isAsGiven({ store, recorded }: CaseRun, name: string): boolean {
  const given = recorded.weights.readFloat32(name)
  return store.parameters.get(name)!.value.floats.every((value, i) => Object.is(value, given[i]))
}
