/** Indices of the largest values, the largest first; of equal values the first. */
export function largest(values: Float32Array | Float64Array, count: number): Int32Array {
  const found = new Int32Array(count)
  let kept = 0
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number
    let place = kept
    while (place > 0 && value > (values[found[place - 1] as number] as number)) place -= 1
    if (place >= count) continue
    kept = Math.min(count, kept + 1)
    found.copyWithin(place + 1, place, kept - 1)
    found[place] = index
  }
  return found
}
