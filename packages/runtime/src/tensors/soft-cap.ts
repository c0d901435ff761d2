/** Bounds values v to cap · tanh(v / cap), in place; null for no bound. */
export function softCapped(values: Float32Array, cap: number | null): Float32Array {
  if (cap === null) return values
  for (let index = 0; index < values.length; index += 1)
    values[index] = cap * Math.tanh((values[index] as number) / cap)
  return values
}
