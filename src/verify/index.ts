/** Recorded cases of the reference against what the program computes (`parity/README.md`). */
import { type RecordedCase, readCase, readValues } from './case.js'
import { compareCheck, compareTensor, toleranceOf } from './compare.js'
import { dumpValues } from './dump.js'
import type { Computed, Precision, VerifyContext } from './kind.js'
import { kinds } from './kinds/index.js'
import { NotSupported } from './notSupported.js'

export { type RecordedCase, readCase } from './case.js'

export type CaseResult = { readonly name: string } & (
  | {
      readonly outcome: 'passed'
      /** How many were compared. */
      readonly values: number
      readonly precision?: Precision
    }
  | {
      readonly outcome: 'failed'
      readonly values: number
      readonly precision?: Precision
      /** One sentence a fault. */
      readonly faults: readonly string[]
      /** What stopped the computation, if anything did. */
      readonly error?: unknown
    }
  | { readonly outcome: 'not supported'; readonly what: string }
)

export interface VerifyOptions extends VerifyContext {
  /** Folder for everything computed, whether or not it is as expected. */
  readonly dump?: string
}

/**
 * Computes a case and compares it with what the reference gave.
 *
 * @param given the case, or its folder
 * @throws {UserError} no case there, or one that can't be read; a dump that can't be written
 */
export async function verifyCase(
  given: string | RecordedCase,
  { dump, ...context }: VerifyOptions = {},
): Promise<CaseResult> {
  const recorded = typeof given === 'string' ? readCase(given) : given
  const { name } = recorded
  let computed: Computed
  try {
    computed = await compute(recorded, context)
  } catch (error) {
    if (error instanceof NotSupported) return { name, outcome: 'not supported', what: error.message }
    const message = error instanceof Error ? error.message : String(error)
    const fault = `it stopped: ${message.replaceAll(/\s+/g, ' ')}`
    return { name, outcome: 'failed', values: 0, faults: [fault], error }
  }
  if (dump !== undefined) dumpValues(dump, recorded, computed.values ?? new Map())
  return judge(recorded, computed)
}

function compute(recorded: RecordedCase, context: VerifyContext): Promise<Computed> {
  const { kind } = recorded.json
  if (!kinds.names.includes(kind)) throw new NotSupported(`kind ${kind}`)
  return kinds.get(kind).compute(recorded, context)
}

function judge(
  recorded: RecordedCase,
  { values, checks = [], faults = [], precision }: Computed,
): CaseResult {
  const { name, expected } = recorded
  const tensors = [...expected.tensors.keys()].map((key) => {
    const off = compareTensor(values?.get(key), readValues(expected, key), toleranceOf(recorded, key))
    return { compared: 1, faults: off === undefined ? [] : [`${key} ${off}`] }
  })
  const others = checks.map((check) =>
    compareCheck(check, check.tolerance ?? toleranceOf(recorded, check.name)),
  )
  const all = [...tensors, ...others]
  const compared = all.reduce((sum, part) => sum + part.compared, 0)
  const found = [...faults, ...all.flatMap((part) => part.faults)]
  if (compared === 0) found.push('it expects nothing')
  const common = { name, values: compared, ...(precision ? { precision } : {}) }
  if (found.length === 0) return { ...common, outcome: 'passed' }
  return { ...common, outcome: 'failed', faults: found }
}
