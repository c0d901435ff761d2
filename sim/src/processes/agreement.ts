import type { SwarmStatus } from '@shoal/swarm'

/** What peers say of themselves and of each other, by their names. */
export type Views = ReadonlyMap<string, SwarmStatus>

/**
 * What keeps these views from being one: everybody must hold exactly those alive who are here, in the incarnation that
 * they say they have, and all must have one snapshot, one plan and the whole model. Empty when they agree.
 *
 * @param onlookers see the swarm and are no members: clients
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

/** Lives that a view holds alive although they ended before: `ended` names them with the time since. */
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

/** The end of a peer id tells peers apart; all begin alike. */
function short(life: string): string {
  return life.replace(/^.*(.{6})@/, '…$1@')
}
