/** Places of all peers together, of one peer, and of all peers of one network. */
export interface SlotLimits {
  readonly total: number
  readonly perPeer: number
  readonly perNetwork: number
}

/** Places for pieces that are read from the disk and sent: each is a piece in memory and an open file. */
export interface PieceSlots {
  /**
   * Resolves with a place, which the caller gives back.
   * @param network from which the peer has connected; null where that is not known
   */
  take(peer: string, network: string | null): Promise<() => void>
}

interface Waiting {
  readonly holders: readonly Holder[]
  begin(): void
}

/** A peer, or a network with all its peers, and the places that it may have. */
interface Holder {
  readonly name: string
  readonly most: number
}

/**
 * Limits the places of each peer and of each network. Requests wait in the order of their arrival, so a peer with many
 * channels waits for its own requests.
 */
export function createPieceSlots(limits: SlotLimits): PieceSlots {
  const taken = new Map<string, number>()
  const waiting: Waiting[] = []
  let total = 0

  const fits = (holders: readonly Holder[]): boolean =>
    total < limits.total && holders.every(({ name, most }) => (taken.get(name) ?? 0) < most)

  const occupy = (holders: readonly Holder[]): (() => void) => {
    total += 1
    for (const { name } of holders) taken.set(name, (taken.get(name) ?? 0) + 1)
    let given = false
    return () => {
      if (given) return
      given = true
      total -= 1
      for (const { name } of holders) {
        const left = (taken.get(name) ?? 1) - 1
        if (left === 0) taken.delete(name)
        else taken.set(name, left)
      }
      beginNext()
    }
  }

  const beginNext = (): void => {
    for (;;) {
      const index = waiting.findIndex(({ holders }) => fits(holders))
      const [next] = index < 0 ? [] : waiting.splice(index, 1)
      if (next === undefined) return
      next.begin()
    }
  }

  return {
    take(peer, network) {
      const holders: readonly Holder[] = [
        { name: `peer ${peer}`, most: limits.perPeer },
        ...(network === null ? [] : [{ name: `network ${network}`, most: limits.perNetwork }]),
      ]
      if (fits(holders)) return Promise.resolve(occupy(holders))
      return new Promise((resolve) => waiting.push({ holders, begin: () => resolve(occupy(holders)) }))
    },
  }
}
