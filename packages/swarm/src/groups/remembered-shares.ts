import type { SharesOf } from '@shoal/planner'

/** Far more than a plan asks for. Members name speeds in their records, and could name others for ever. */
export const sharesKeptMax = 1024

/** A plan asks for the same few splits very often. */
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
