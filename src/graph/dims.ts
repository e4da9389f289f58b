/**
 * Dimensions: a number, or a polynomial over named sizes in canonical text, such as `text + boxes`
 * or `batch*text`. Two dimensions are equal exactly when they are `===`.
 */
export type Dim = number | string
export type Shape = readonly Dim[]

/** Monomial (factors joined by `*`, `''` for the constant) → coefficient. */
type Polynomial = Map<string, number>

/** Results by their arguments: a graph of thousands of nodes has few distinct dimensions. */
function remembered<T>(compute: (...dims: readonly Dim[]) => T): (...dims: readonly Dim[]) => T {
  const known = new Map<string, T>()
  return (...dims) => {
    const key = dims.join('|')
    let result = known.get(key)
    if (result === undefined) {
      result = compute(...dims)
      known.set(key, result)
    }
    return result
  }
}

function parse(dim: Dim): Polynomial {
  if (typeof dim === 'number') return new Map([['', dim]])
  const terms: Polynomial = new Map()
  for (const term of dim.split(' + ')) {
    const factors = term.split('*')
    const coefficient = Number.isFinite(Number(factors[0])) ? Number(factors.shift()) : 1
    terms.set(factors.join('*'), coefficient)
  }
  return terms
}

function print(polynomial: Polynomial): Dim {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0)
  if (terms.length === 0) return 0
  if (terms.length === 1 && terms[0]![0] === '') return terms[0]![1]
  return terms
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([monomial, c]) => (monomial === '' ? `${c}` : c === 1 ? monomial : `${c}*${monomial}`))
    .join(' + ')
}

export const sumDims = remembered((...dims): Dim => {
  const total: Polynomial = new Map()
  for (const dim of dims) {
    for (const [monomial, c] of parse(dim)) total.set(monomial, (total.get(monomial) ?? 0) + c)
  }
  return print(total)
})

export const productDims = remembered((...dims): Dim => {
  let product: Polynomial = new Map([['', 1]])
  for (const dim of dims) {
    const next: Polynomial = new Map()
    for (const [a, ca] of product) {
      for (const [b, cb] of parse(dim)) {
        const factors = [...a.split('*'), ...b.split('*')].filter((factor) => factor !== '')
        const monomial = factors.sort().join('*')
        next.set(monomial, (next.get(monomial) ?? 0) + ca * cb)
      }
    }
    product = next
  }
  return print(product)
})

export function differenceDims(a: Dim, b: Dim): Dim {
  return sumDims(a, productDims(b, -1))
}

type Term = { readonly coefficient: number; readonly factors: readonly string[] }

/** The terms of a dimension: each a coefficient and the named sizes it is multiplied with. */
export const dimTerms = remembered((dim = 0): readonly Term[] =>
  [...parse(dim)].map(([monomial, coefficient]) => ({
    coefficient,
    factors: monomial === '' ? [] : monomial.split('*'),
  })),
)

/**
 * The size of `dim` once the named sizes are known.
 *
 * @throws {Error} a name that `sizes` lacks
 */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, number>): number {
  if (typeof dim === 'number') return dim
  let total = 0
  for (const { coefficient, factors } of dimTerms(dim)) {
    let product = coefficient
    for (const factor of factors) {
      const size = sizes.get(factor)
      if (size === undefined) throw new Error(`the size of dimension "${factor}" is not known`)
      product *= size
    }
    total += product
  }
  return total
}

/** `(batch, text, 768)` */
export function printShape(shape: Shape): string {
  return `(${shape.join(', ')})`
}

/** Reads the named sizes off a shape: a concrete one held against a symbolic one. */
export function bindDims(shape: Shape, actual: readonly number[], sizes: Map<string, number>): void {
  if (shape.length !== actual.length) {
    throw new Error(`a tensor of shape ${printShape(actual)} where ${printShape(shape)} is expected`)
  }
  shape.forEach((dim, axis) => {
    if (typeof dim === 'string' && /^\w+$/.test(dim) && !sizes.has(dim)) sizes.set(dim, actual[axis]!)
  })
  const expected = shape.map((dim) => evaluateDim(dim, sizes))
  if (expected.some((size, axis) => size !== actual[axis])) {
    throw new Error(
      `a tensor of shape ${printShape(actual)} where ${printShape(shape)} is ${printShape(expected)}`,
    )
  }
}
