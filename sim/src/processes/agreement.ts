import type { SwarmStatus } from '@shoal/swarm'

/** Status reports of peers, by the names of their processes. */
export type Views = ReadonlyMap<string, SwarmStatus>

/**
 * Differences between views; empty when they agree. Each view must hold exactly the running peers alive, in the
 * incarnations that these report themselves, and all views must have one snapshot, one plan and the whole model.
 *
 * @param onlookers views of clients, which are not members
 */
export function disagreements(views: Views, onlookers: Views = new Map()): string[] {
  const all = new Map([...views, ...onlookers])
  const truth = [...views].map(([name, { peers }]) => {
    const self = peers.find((peer) => peer.self)
    return { name, life: self === undefined ? undefined : `${self.peer}@${self.incarnation}` }
  })
  const lives = new Set(truth.flatMap(({ life }) => (life === undefined ? [] : [life])))
  const strangers = truth
    .filter(({ life }) => life === undefined)
    .map(({ name }) => `${name} is no member yet`)
  const wrong = [...all].flatMap(([name, { peers, covered, coverage }]) => {
    const alive = peers
      .filter(({ liveness }) => liveness === 'alive')
      .map(({ peer, incarnation }) => `${peer}@${incarnation}`)
    const [ghosts, missing] = [
      alive.filter((life) => !lives.has(life)),
      [...lives].filter((life) => !alive.includes(life)),
    ]
    return [
      ...ghosts.map((life) => `${name} holds the ghost ${short(life)} alive`),
      ...missing.map((life) => `${name} misses ${short(life)}`),
      ...(covered ? [] : [`${name} sees blocks without a holder: ${coverage.join(' ')}`]),
    ]
  })
  return [...strangers, ...wrong, ...differing(all, 'snapshotHash'), ...differing(all, 'planHash')]
}

/** Incarnations (`peer@incarnation`) that a view holds alive although they have ended. */
export function ghostsOf(status: SwarmStatus, ended: ReadonlySet<string>): string[] {
  return status.peers
    .filter(({ liveness, peer, incarnation }) => liveness === 'alive' && ended.has(`${peer}@${incarnation}`))
    .map(({ peer, incarnation }) => `${peer}@${incarnation}`)
}

function differing(views: Views, field: 'snapshotHash' | 'planHash'): string[] {
  const seen = new Set([...views.values()].map((status) => status[field]))
  if (seen.size <= 1) return []
  return [
    `${field} differs: ${[...views].map(([name, status]) => `${name} ${status[field].slice(0, 8)}`).join(', ')}`,
  ]
}

/** Shortens a peer id to its end, since all ids begin alike. */
function short(life: string): string {
  return life.replace(/^.*(.{6})@/, '…$1@')
}
