/** Recorded cases for tests, and copies of them that are changed. */
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../src/weights/index.js'
import { temporaryFolder } from '../support/weights.js'

/** The folder of a case of which the repository has a copy. */
export const copied = (name: string): string => join(import.meta.dirname, '../parity', name)

export interface CaseTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array
}

/** How a copy differs from the case. */
export interface Change {
  /** `undefined` leaves a tensor out. */
  readonly tensor?: (tensor: CaseTensor) => CaseTensor | undefined
  /** Tensors that the case doesn't have. */
  readonly more?: readonly CaseTensor[]
  // biome-ignore lint/suspicious/noExplicitAny: any JSON, to be changed anywhere
  readonly json?: (json: any) => void
}

/** A changed copy, in a group of the same name with the same shared weights; removed when the test ends. */
export function changed(name: string, { tensor = (same) => same, more = [], json }: Change): string {
  const folder = join(temporaryFolder(), name)
  cpSync(copied(name), folder, { recursive: true })
  const shared = join(dirname(copied(name)), '_shared')
  if (existsSync(shared)) symlinkSync(resolve(shared), join(dirname(folder), '_shared'))
  const file = join(folder, 'tensors.safetensors')
  if (existsSync(file))
    writeTensors(file, [...readTensors(file).flatMap((one) => tensor(one) ?? []), ...more])
  if (json) {
    const path = join(folder, 'case.json')
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    json(content)
    writeFileSync(path, JSON.stringify(content))
  }
  return folder
}

export function readTensors(file: string): CaseTensor[] {
  const opened = openSafetensors(file)
  return [...opened.tensors.values()].map(({ name, shape }) => ({
    ...{ name, shape },
    data: opened.read(name) as Float32Array | BigInt64Array,
  }))
}

function writeTensors(file: string, tensors: readonly CaseTensor[]): void {
  writeSafetensors(
    file,
    tensors.map(
      ({ name, shape, data }): TensorToWrite => ({
        ...{ name, shape, data },
        dtype: data instanceof BigInt64Array ? 'I64' : 'F32',
      }),
    ),
  )
}

export const isExpected = ({ name }: CaseTensor): boolean => /^(want|grad|after)\//.test(name)

/** A tensor of zeros in the other's place. */
export function zeroed(tensor: CaseTensor): CaseTensor {
  const { length } = tensor.data
  return {
    ...tensor,
    data: tensor.data instanceof BigInt64Array ? new BigInt64Array(length) : new Float32Array(length),
  }
}

/** The tensor with one element replaced. */
export function withElement(tensor: CaseTensor, index: number, value: number): CaseTensor {
  const data = tensor.data.slice()
  data[index] = data instanceof BigInt64Array ? BigInt(value) : value
  return { ...tensor, data } as CaseTensor
}
