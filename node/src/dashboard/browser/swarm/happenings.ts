import type { PeerStatus, ShownAnswer, SwarmStatus } from '@shoal/swarm'
import { blocksText, isGone, shortName } from './peer-facts.ts'

/** A change that a person may want to know of. */
export interface Happening {
  readonly wallMs: number
  readonly weight: 'good' | 'plain' | 'bad'
  readonly text: string
}

/** What has changed between two states of the swarm. The first state is the beginning, not a change. */
export function happeningsBetween(
  before: SwarmStatus | null,
  after: SwarmStatus | null,
  wallMs: number,
): Happening[] {
  if (before === null || after === null) return []
  const known = new Map(before.peers.map((peer) => [peer.peer, peer]))
  const changes = after.peers.flatMap((peer) => peerChanges(known.get(peer.peer) ?? null, peer))
  const present = new Set(after.peers.map(({ peer }) => peer))
  const forgotten = before.peers.filter((peer) => !present.has(peer.peer) && !isGone(peer))
  return [
    ...changes,
    ...forgotten.map(({ peer }): Change => ['plain', `${shortName(peer)} is no member any more`]),
    ...coverageChanges(before, after),
  ].map(([weight, text]) => ({ wallMs, weight, text }))
}

type Change = readonly [Happening['weight'], string]

function peerChanges(before: PeerStatus | null, after: PeerStatus): Change[] {
  const name = shortName(after.peer)
  if (before === null || (isGone(before) && !isGone(after)))
    return isGone(after)
      ? []
      : [['good', `${name} has come${after.state === 'joining' ? ' and loads its blocks' : ''}`]]
  if (!isGone(before) && isGone(after))
    return [
      after.liveness === 'dead'
        ? ['bad', `${name} is lost, with ${blocksText(before.blocks)}`]
        : ['plain', `${name} has left`],
    ]
  const changes: Change[] = []
  if (before.liveness === 'alive' && after.liveness === 'suspect')
    changes.push(['bad', `${name} does not answer`])
  if (before.liveness === 'suspect' && after.liveness === 'alive')
    changes.push(['good', `${name} answers again`])
  if (before.state !== 'draining' && after.state === 'draining') changes.push(['plain', `${name} is leaving`])
  if (blocksText(before.blocks) !== blocksText(after.blocks))
    changes.push(['plain', `${name} now serves ${blocksText(after.blocks)}`])
  if (after.problem !== undefined && after.problem !== before.problem)
    changes.push(['bad', `${name}: ${after.problem}`])
  return changes
}

function coverageChanges(before: SwarmStatus, after: SwarmStatus): Change[] {
  if (before.covered && !after.covered) return [['bad', 'the model is no longer complete']]
  return !before.covered && after.covered ? [['good', 'every block is held again']] : []
}

/** What has happened to the routes of running answers, and which peers they have lost. */
export function routeHappenings(
  before: readonly ShownAnswer[],
  after: readonly ShownAnswer[],
  wallMs: number,
): { readonly happenings: Happening[]; readonly lost: string[] } {
  const happenings: Happening[] = []
  const lost: string[] = []
  for (const answer of after) {
    const earlier = before.find(({ id }) => id === answer.id)
    if (earlier === undefined) continue
    const failed = answer.failovers > earlier.failovers
    if (!failed && answer.moves === earlier.moves) continue
    const now = new Set(answer.route.map(({ peer }) => peer))
    const gone = [...new Set(earlier.route.map(({ peer }) => peer))].filter((peer) => !now.has(peer))
    if (failed) lost.push(...gone)
    const names = gone.map(shortName).join(', ')
    const way = answer.route.map(({ peer }) => shortName(peer)).join(' → ')
    happenings.push({
      wallMs,
      weight: failed ? 'bad' : 'plain',
      text: `${names === '' ? 'a stage' : names} ${failed ? 'was lost' : 'left'} in the middle of an answer, which goes on over ${way}`,
    })
  }
  return { happenings, lost }
}
