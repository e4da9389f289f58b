import type { HostTensor } from '../runtime/index.js'

/** A computed or expected tensor. */
export interface Values {
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array
}

export function floats(shape: readonly number[], data: Float32Array | readonly number[]): Values {
  return { shape, data: Float32Array.from(data) }
}

export function integers(shape: readonly number[], data: readonly (number | bigint)[]): Values {
  return { shape, data: BigInt64Array.from(data, BigInt) }
}

/** A vector of numbers that were computed one by one. */
export const vector = (numbers: readonly number[]): Values => floats([numbers.length], numbers)

/** What a tensor holds now. */
export const copyOf = ({ shape, floats: data }: HostTensor): Values => floats(shape, data)

/** One row along the first axis. */
export function rowOf({ shape, data }: Values, row: number): Values {
  const [rows = 1, ...rest] = shape
  const width = data.length / rows
  return { shape: rest, data: data.slice(row * width, (row + 1) * width) }
}

/** All elements as numbers. */
export const numbersOf = ({ data }: Values): number[] => Array.from(data as Iterable<number | bigint>, Number)
