import { limits } from '../limits.ts'

/** Width of a bucket of the histogram: a sixteenth of a nat below the largest logit. */
const bucketsPerNat = 16
/** All logits more than 64 nats below the largest (weights below 1e-27) share the last bucket. */
const bucketCount = 64 * bucketsPerNat

/** `exp((logit - largest) / temperature)`; 1 for the largest itself, 0 for NaN and -Infinity. */
export function weightOf(logit: number, largest: number, temperature: number): number {
  if (logit === largest) return 1
  const weight = Math.exp((logit - largest) / temperature)
  return weight > 0 ? weight : 0
}

/**
 * At least those candidates that hold a share `topP` of all weight, in the order of (logit descending, id ascending),
 * and the weight of the whole vocabulary. A histogram finds the cut, so only the few above it are sorted.
 */
export function nucleus(
  row: Float32Array,
  largest: number,
  topP: number,
  temperature: number,
): { readonly candidates: Uint32Array; readonly mass: number } {
  const histogram = new Float64Array(bucketCount)
  let mass = 0
  for (let id = 0; id < row.length; id++) {
    const logit = row[id] as number
    const weight = weightOf(logit, largest, temperature)
    const bucket = bucketOf(logit, largest, temperature)
    mass += weight
    histogram[bucket] = (histogram[bucket] as number) + weight
  }
  let cut = 0
  for (
    let held = histogram[0] as number;
    cut < bucketCount - 1 && held < topP * mass;
    held += histogram[cut] as number
  )
    cut++
  // The two sums round differently. One bucket too many costs nothing; one too few would cut the nucleus short.
  cut++
  const keys = new Float64Array(row.length)
  let count = 0
  for (let id = 0; id < row.length; id++) {
    if (bucketOf(row[id] as number, largest, temperature) <= cut)
      keys[count++] = sortKey(row[id] as number, id)
  }
  const candidates = Uint32Array.from(keys.subarray(0, count).sort(), (key) => key % idCount)
  return { candidates, mass }
}

/** Ids have 21 bits (`limits.vocabularySizeMax`) and logits 32, so both fit into a float64, which sorts natively. */
const idCount = limits.vocabularySizeMax
const scratch = new Float32Array(1)
const scratchBits = new Int32Array(scratch.buffer)

/** Grows as the logit falls, then as the id grows. */
function sortKey(logit: number, id: number): number {
  // Adding zero turns -0 into 0: the two are equal logits.
  scratch[0] = logit + 0
  const bits = scratchBits[0] as number
  // The bits of negative floats grow as the value falls; those of positive floats are inverted to do the same.
  const descending = bits < 0 ? bits >>> 0 : 0x7fffffff - bits
  return descending * idCount + id
}

/** NaN and -Infinity fall into the last bucket. */
function bucketOf(logit: number, largest: number, temperature: number): number {
  const below = Math.floor(((largest - logit) / temperature) * bucketsPerNat)
  return below < bucketCount ? below : bucketCount - 1
}
