/** The generator of the reference's splits, which must shuffle as it does. */

const [size, shift] = [624, 397]
const [upperBit, lowerBits, matrix] = [0x80000000, 0x7fffffff, 0x9908b0df]

/**
 * MT19937 (Matsumoto and Nishimura 1998): uniform 32-bit numbers.
 *
 * @param seed 32 bits, spread over the state as `init_genrand` does
 */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(size)
  state[0] = seed
  for (let i = 1; i < size; i++) {
    const previous = state[i - 1]!
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i
  }
  let next = size
  return () => {
    if (next === size) {
      twist(state)
      next = 0
    }
    return temper(state[next++]!)
  }
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < size; i++) {
    const y = (state[i]! & upperBit) | (state[(i + 1) % size]! & lowerBits)
    state[i] = state[(i + shift) % size]! ^ (y >>> 1) ^ (y & 1 ? matrix : 0)
  }
}

function temper(value: number): number {
  let y = value
  y ^= y >>> 11
  y ^= (y << 7) & 0x9d2c5680
  y ^= (y << 15) & 0xefc60000
  return (y ^ (y >>> 18)) >>> 0
}

/** The order of 0 … n − 1 that `torch.randperm` gives on the CPU after this seed; n below 2³² / 20. */
export function torchPermutation(n: number, seed: number): Uint32Array {
  const random = mersenneTwister(seed)
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < n - 1; i++) {
    const j = i + (random() % (n - i))
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
