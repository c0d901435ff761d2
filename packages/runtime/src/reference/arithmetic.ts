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

export function add(x: Float32Array, y: Float32Array): Float32Array {
  return x.map((value, index) => value + (y[index] as number))
}

/** `silu(gate) · up`, with silu(x) = x / (1 + e^-x). */
export function swiglu(gate: Float32Array, up: Float32Array): Float32Array {
  return gate.map((value, index) => (value / (1 + Math.exp(-value))) * (up[index] as number))
}

/** Weights that sum to one, in float64. */
export function softmax(scores: readonly number[]): number[] {
  const largest = scores.reduce((max, score) => Math.max(max, score), Number.NEGATIVE_INFINITY)
  const exponentials = scores.map((score) => Math.exp(score - largest))
  const sum = exponentials.reduce((total, value) => total + value, 0)
  return exponentials.map((value) => value / sum)
}

/** Turns each pair (i, i + headSize / 2) of one head by its angle, in place. */
export function rotate(head: Float32Array, cosines: Float32Array, sines: Float32Array): void {
  const half = head.length / 2
  for (let pair = 0; pair < half; pair += 1) {
    const [a, b] = [head[pair] as number, head[pair + half] as number]
    const [cosine, sine] = [cosines[pair] as number, sines[pair] as number]
    head[pair] = a * cosine - b * sine
    head[pair + half] = b * cosine + a * sine
  }
}
