import type { Activation, AttentionSpec } from '@shoal/model'

/**
 * The arithmetic of a transformer, one row at a time: float32 values, sums in float64 from the first term to the last, each
 * result rounded once. Rows are computed independently, so their bits never depend on how they are grouped.
 */

/** `weight · x`: `weight` float32 `[outputs, x.length]`, row-major. */
export function multiply(
  weight: Float32Array,
  x: Float32Array,
  bias: Float32Array | null = null,
): Float32Array {
  const columns = x.length
  const y = new Float32Array(weight.length / columns)
  for (let output = 0; output < y.length; output += 1) {
    let sum = bias?.[output] ?? 0
    const row = output * columns
    for (let column = 0; column < columns; column += 1)
      sum += (weight[row + column] as number) * (x[column] as number)
    y[output] = sum
  }
  return y
}

/** `x / sqrt(mean(x²) + epsilon) · weight`. */
export function rmsNorm(x: Float32Array, weight: Float32Array, epsilon: number): Float32Array {
  let squares = 0
  for (const value of x) squares += value * value
  const factor = 1 / Math.sqrt(squares / x.length + epsilon)
  return x.map((value, index) => value * factor * (weight[index] as number))
}

/** `(x - mean(x)) / sqrt(variance(x) + epsilon) · weight + bias`. */
export function layerNorm(
  x: Float32Array,
  weight: Float32Array | null,
  bias: Float32Array | null,
  epsilon: number,
): Float32Array {
  let sum = 0
  for (const value of x) sum += value
  const mean = sum / x.length
  let squares = 0
  for (const value of x) squares += (value - mean) ** 2
  const factor = 1 / Math.sqrt(squares / x.length + epsilon)
  return x.map(
    (value, index) => (value - mean) * factor * (weight?.[index] ?? 1) + ((bias?.[index] as number) ?? 0),
  )
}

export function add(x: Float32Array, y: Float32Array): Float32Array {
  return x.map((value, index) => value + (y[index] as number))
}

/** `x · factor`; `x` itself for a factor of one. */
export function scale(x: Float32Array, factor: number): Float32Array {
  return factor === 1 ? x : x.map((value) => value * factor)
}

const activations: Readonly<Record<Activation, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => (x / 2) * (1 + errorFunction(x / Math.SQRT2)),
  'gelu-tanh': (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  'relu-squared': (x) => Math.max(0, x) ** 2,
}

/** `activation(gate) · up`, or `activation(gate)` without `up`. */
export function activate(activation: Activation, gate: Float32Array, up: Float32Array | null): Float32Array {
  const activated = activations[activation]
  return gate.map((value, index) => activated(value) * (up === null ? 1 : (up[index] as number)))
}

/** The error function by its series, and by its continued fraction where the series converges slowly: 1e-15 in both. */
export function errorFunction(x: number): number {
  if (x < 0) return -errorFunction(-x)
  if (x > 6) return 1
  if (x < 2.5) {
    let [term, sum] = [x, x]
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n += 1) {
      term *= -(x * x) / n
      sum += term / (2 * n + 1)
      if (n > 200) break
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = 0
  for (let n = 60; n > 0; n -= 1) fraction = n / 2 / (x + fraction)
  return 1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction))
}

/** Weights that sum to one, in float64; with a sink, to one less the weight of that score. */
export function softmax(scores: readonly number[], sink: number = Number.NEGATIVE_INFINITY): number[] {
  const largest = scores.reduce((max, score) => Math.max(max, score), sink)
  const exponentials = scores.map((score) => Math.exp(score - largest))
  const sum = exponentials.reduce((total, value) => total + value, Math.exp(sink - largest))
  return exponentials.map((value) => value / sum)
}

/** Turns the pairs of one head by their angles, in place; channels behind the last pair stay. */
export function rotate(
  head: Float32Array,
  cosines: Float32Array,
  sines: Float32Array,
  pairs: AttentionSpec['rotatedPairs'] = 'halves',
): void {
  const count = cosines.length
  for (let pair = 0; pair < count; pair += 1) {
    const [first, second] = pairs === 'halves' ? [pair, pair + count] : [2 * pair, 2 * pair + 1]
    const [a, b] = [head[first] as number, head[second] as number]
    const [cosine, sine] = [cosines[pair] as number, sines[pair] as number]
    head[first] = a * cosine - b * sine
    head[second] = b * cosine + a * sine
  }
}
