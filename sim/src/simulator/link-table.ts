import type { LinkShape, MemoryNetwork } from '@shoal/network'

/** Properties of a world's links, and which links are cut or silent for which reason. */
export interface LinkTable {
  shapeOf(from: string, to: string): LinkShape
  add(peer: string, site: number): void
  /** Silences all links of a peer: no frame reaches or leaves it. */
  silence(peer: string): void
  restore(peer: string): void
  /** Two sides that cannot reach each other: `cut` refuses, `stop` is silent. */
  part(side: ReadonlySet<string>, kind: 'cut' | 'stop'): void
  rejoin(): void
  /** Adds latency to all links of a peer. */
  slow(peer: string, moreMs: number): void
  /** Whether frames can pass between two peers now. */
  isOpen(a: string, b: string): boolean
}

export function createLinkTable(
  shape: (a: number, b: number) => LinkShape,
  network: () => MemoryNetwork,
): LinkTable {
  const sites = new Map<string, number>()
  const silent = new Set<string>()
  const slower = new Map<string, number>()
  const states = new Map<string, 'cut' | 'stop'>()
  let parted: { readonly side: ReadonlySet<string>; readonly kind: 'cut' | 'stop' } | null = null

  const stateOf = (a: string, b: string): 'open' | 'cut' | 'stop' => {
    const apart = parted !== null && parted.side.has(a) !== parted.side.has(b)
    if (apart && parted?.kind === 'cut') return 'cut'
    return apart || silent.has(a) || silent.has(b) ? 'stop' : 'open'
  }

  const apply = (): void => {
    const names = [...sites.keys()]
    for (const [index, a] of names.entries()) {
      for (const b of names.slice(index + 1)) {
        const [state, before] = [stateOf(a, b), states.get(`${a} ${b}`) ?? 'open']
        if (state === before) continue
        if (state === 'open') states.delete(`${a} ${b}`)
        else states.set(`${a} ${b}`, state)
        // A link goes from silent to cut without healing between, which would deliver the frames that it holds.
        if (state === 'open') network().heal(a, b)
        if (state === 'cut') network().cut(a, b)
        if (state === 'stop') network().stop(a, b)
      }
    }
  }

  return {
    shapeOf(from, to) {
      const found = shape(sites.get(from) ?? 0, sites.get(to) ?? 0)
      const moreMs = (slower.get(from) ?? 0) + (slower.get(to) ?? 0)
      return moreMs === 0 ? found : { ...found, latencyMs: found.latencyMs + moreMs }
    },
    add(peer, site) {
      sites.set(peer, site)
      apply()
    },
    silence(peer) {
      silent.add(peer)
      apply()
    },
    restore(peer) {
      silent.delete(peer)
      apply()
    },
    part(side, kind) {
      parted = { side, kind }
      apply()
    },
    rejoin() {
      parted = null
      apply()
    },
    slow(peer, moreMs) {
      if (moreMs === 0) slower.delete(peer)
      else slower.set(peer, moreMs)
    },
    isOpen: (a, b) => stateOf(a, b) === 'open',
  }
}
