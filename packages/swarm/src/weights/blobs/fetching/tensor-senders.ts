/**
 * Which peers may give which tensor of a unit.
 *
 * When a tensor of several senders turns out wrong, nobody knows yet who lied. It is then *suspect*: one peer gives all of
 * it, so that a second failure has a name, and a success shows which of the earlier pieces were wrong.
 */
export interface TensorSenders {
  isSuspect(tensor: string): boolean
  mayGive(tensor: string, peer: string): boolean
  /** `peer` begins to give pieces of it. @returns whether it thereby became the only sender of a suspect tensor */
  claim(tensor: string, peer: string): boolean
  /** From now on one peer at a time gives this tensor: `sole`, or the peer that claims it next. */
  suspect(tensor: string, sole: string | null): void
  /** Excludes a peer as a source of this tensor for good. */
  exclude(tensor: string, peer: string): void
  /** Notes that a source is gone: suspect tensors that it was to give alone need another sender. */
  forget(peer: string): void
}

export function createTensorSenders(): TensorSenders {
  const excluded = new Map<string, Set<string>>()
  /** The only sender of each suspect tensor; null until one claims it. */
  const suspects = new Map<string, string | null>()
  const isExcluded = (tensor: string, peer: string): boolean => excluded.get(tensor)?.has(peer) === true

  return {
    isSuspect: (tensor) => suspects.has(tensor),
    mayGive(tensor, peer) {
      const sole = suspects.get(tensor) ?? null
      return !isExcluded(tensor, peer) && (sole === null || sole === peer)
    },
    claim(tensor, peer) {
      if (suspects.get(tensor) !== null) return false
      suspects.set(tensor, peer)
      return true
    },
    suspect: (tensor, sole) =>
      void suspects.set(tensor, sole !== null && isExcluded(tensor, sole) ? null : sole),
    exclude(tensor, peer) {
      excluded.set(tensor, (excluded.get(tensor) ?? new Set()).add(peer))
      if (suspects.get(tensor) === peer) suspects.set(tensor, null)
    },
    forget(peer) {
      for (const [tensor, sole] of suspects) if (sole === peer) suspects.set(tensor, null)
    },
  }
}
