import { snapshotHash, type Snapshot } from '@shoal/membership'
import { planHash } from '@shoal/planner'
import type { ChurnedSwarm } from './churned-swarm.ts'
import { churnPlan } from './plans.ts'

/** Whether every honest peer holds exactly the living honest members alive: no ghost, nobody missing. */
export function holdsExactly(swarm: ChurnedSwarm): boolean {
  const truth = swarm.members().join(' ')
  return swarm.honest().every(({ name }) => honestAlive(swarm, name).join(' ') === truth)
}

/** Whether an honest peer has given up a hostile member that runs: one of the two is about to begin its next life. */
export function hasOpenVerdict(swarm: ChurnedSwarm): boolean {
  const { inhabitants } = swarm.world
  return swarm
    .honest()
    .some(({ membership }) =>
      membership
        .members()
        .some(
          ({ record: { peerId }, liveness }) =>
            liveness === 'dead' && !swarm.isHonest(peerId) && inhabitants.has(peerId),
        ),
    )
}

/** What honest peers hold wrongly of each other. */
export function describe(swarm: ChurnedSwarm): string {
  const truth = swarm.members()
  const wrong = swarm.honest().flatMap(({ name }) => {
    const held = honestAlive(swarm, name)
    const [ghosts, missing] = [
      held.filter((life) => !truth.includes(life)),
      truth.filter((life) => !held.includes(life)),
    ]
    return ghosts.length + missing.length === 0
      ? []
      : [`${name} holds ghosts [${ghosts.join(' ')}] and misses [${missing.join(' ')}]`]
  })
  return wrong.slice(0, 3).join('; ')
}

/**
 * Distinct pairs of snapshot hash and plan hash over all honest peers. Hostile members are left out of the snapshots: they
 * may show each observer another face.
 */
export function hashes(swarm: ChurnedSwarm): ReadonlySet<string> {
  const planned = new Map<string, string>()
  return new Set(
    swarm.honest().map(({ membership }) => {
      const snapshot = honestPart(swarm, membership.snapshot())
      const known = snapshotHash(snapshot)
      const hash = planned.get(known) ?? planHash(churnPlan(snapshot))
      planned.set(known, hash)
      return `${known} ${hash}`
    }),
  )
}

/** The honest peers that an observer holds alive, as `name@incarnation`. */
export function honestAlive(swarm: ChurnedSwarm, observer: string): readonly string[] {
  return swarm.world.alive(observer).filter((life) => swarm.isHonest(life.slice(0, life.indexOf('@'))))
}

function honestPart(swarm: ChurnedSwarm, snapshot: Snapshot): Snapshot {
  const members = snapshot.members.filter(({ peerId }) => swarm.isHonest(peerId))
  return members.length === snapshot.members.length ? snapshot : { members }
}
