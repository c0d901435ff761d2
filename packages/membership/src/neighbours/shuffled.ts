import type { Random } from '@shoal/host'

/** A random permutation (Fisher and Yates, in Durstenfeld's version). */
export function shuffled(peers: readonly string[], random: Random): readonly string[] {
  const order = [...peers]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random.unit() * (last + 1))
    const kept = order[last]
    const moved = order[other]
    if (kept === undefined || moved === undefined)
      throw new Error('an index of the shuffle is outside the array')
    order[last] = moved
    order[other] = kept
  }
  return order
}
