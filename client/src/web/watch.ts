/** A peer as the node sees it; `GET /swarm` has more. */
export interface WebPeer {
  readonly peer: string
  readonly state: string
  /** `alive`, `suspect`, `dead` … */
  readonly liveness: string
  /** First block, and the one after the last; null for a peer that serves none. */
  readonly blocks?: readonly [number, number] | null
  readonly [field: string]: unknown
}

/** The status of the swarm, `shoal status --json`. */
export interface WebStatus {
  readonly covered: boolean
  readonly peers: readonly WebPeer[]
  readonly [field: string]: unknown
}

/** A difference between two looks at the swarm. */
export type SwarmChange =
  | { readonly type: 'peer-joined'; readonly peer: WebPeer }
  | { readonly type: 'peer-left'; readonly peer: WebPeer }
  | { readonly type: 'peer-changed'; readonly peer: WebPeer; readonly before: WebPeer }
  | { readonly type: 'coverage'; readonly covered: boolean }

/** What changed from one status to the next; everything is new where there was none. */
export function changesBetween(before: WebStatus | null, now: WebStatus): SwarmChange[] {
  const known = new Map(before?.peers.map((each) => [each.peer, each]))
  const here = new Set(now.peers.map(({ peer }) => peer))
  const changes: SwarmChange[] = []
  for (const each of now.peers) {
    const past = known.get(each.peer)
    if (past === undefined) changes.push({ type: 'peer-joined', peer: each })
    else if (past.state !== each.state || past.liveness !== each.liveness)
      changes.push({ type: 'peer-changed', peer: each, before: past })
  }
  for (const each of known.values()) if (!here.has(each.peer)) changes.push({ type: 'peer-left', peer: each })
  if (before?.covered !== now.covered) changes.push({ type: 'coverage', covered: now.covered })
  return changes
}
