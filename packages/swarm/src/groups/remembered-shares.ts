import type { SharesOf } from '@shoal/planner'

/** Far more splits than a plan asks for. The bound is against members that announce ever new speeds. */
export const sharesKeptMax = 1024

/** Caches shares by speeds: planning asks for the same few splits very often. */
export function remembered(shares: SharesOf): SharesOf {
  const known = new Map<string, ReturnType<SharesOf>>()
  return (speeds) => {
    const key = speeds.join()
    const found = known.get(key)
    if (found !== undefined) return found
    if (known.size >= sharesKeptMax) known.clear()
    const made = shares(speeds)
    known.set(key, made)
    return made
  }
}
