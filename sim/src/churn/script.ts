import type { World } from '@shoal/membership/testing'

/** Something that happens to a swarm. Peers by name, times in virtual milliseconds. */
export type Act =
  | { readonly type: 'kill' | 'leave' | 'restart' | 'adopt'; readonly peer: string }
  /** About half of the freezes last longer than the lease. */
  | { readonly type: 'freeze'; readonly peer: string; readonly durationMs: number }
  /** Cut links refuse connections, stopped ones are silent. */
  | {
      readonly type: 'partition'
      readonly side: readonly string[]
      readonly kind: 'cut' | 'stop'
      readonly durationMs: number
    }
  | { readonly type: 'slow'; readonly peer: string; readonly latencyMs: number }

export interface Standing {
  readonly running: readonly string[]
  readonly gone: readonly string[]
  readonly frozen: readonly string[]
  readonly partitioned: boolean
}

/** Fewest running peers: some must stay to tell the others what has happened. */
const runningMin = 6

/** Draws the next act for the present state of the swarm; undefined for none. */
export function nextAct(random: World['random'], standing: Standing): Act | undefined {
  const { running, gone, frozen, partitioned } = standing
  const below = (limit: number): number => Math.floor(random.unit() * limit)
  const peer = running[below(running.length)]
  const absent = gone[below(gone.length)]
  const roll = below(100)
  const sparse = running.length <= runningMin
  if (roll < 30) return absent === undefined ? undefined : { type: 'restart', peer: absent }
  if (peer === undefined) return undefined
  if (roll < 50) return sparse ? undefined : { type: 'kill', peer }
  if (roll < 58) return sparse ? undefined : { type: 'leave', peer }
  if (roll < 70)
    return sparse || frozen.length > 2 ? undefined : { type: 'freeze', peer, durationMs: 500 + below(22_000) }
  if (roll < 80) {
    const side = running.filter(() => random.unit() < 0.4)
    const kind = random.unit() < 0.5 ? 'cut' : 'stop'
    return partitioned || side.length === 0
      ? undefined
      : { type: 'partition', side, kind, durationMs: 1000 + below(18_000) }
  }
  if (roll < 88) return { type: 'slow', peer, latencyMs: 1 + below(250) }
  return { type: 'adopt', peer }
}
