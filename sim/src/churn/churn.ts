import { memberLimits, membershipProfiles, verdictBoundMs, type MembershipEvent } from '@shoal/membership'
import { seededRandom } from '@shoal/host'
import { sha256Hex } from '@shoal/model'
import { ChurnedSwarm } from './churned-swarm.ts'
import { castHostile, type MaliceKind } from './hostile/cast.ts'
import { besiege, shutOutHonest } from './hostile/besiege.ts'
import { churnPlan, planViolations } from './plans.ts'
import { nextAct, type Act } from './script.ts'
import { describe, hashes, hasOpenVerdict, holdsExactly } from './views.ts'

export interface ChurnResult {
  readonly seed: number
  /** Hash of all acts, events, plans and bytes sent; equal for equal seeds. */
  readonly traceHash: string
  /** What the checks found; empty when every rule held. */
  readonly violations: readonly string[]
  readonly acts: Readonly<Partial<Record<Act['type'], number>>>
  /** From the calm until every peer holds exactly the living members alive and computes the same plan; -1 when that never happened. */
  readonly convergedMs: number
  readonly documentBytes: number
  /** Groups in the plan that the peers have adopted at the end. */
  readonly groups: number
  /** How many inhabitants were hostile members of each kind. */
  readonly hostile: Readonly<Partial<Record<MaliceKind, number>>>
}

/** Time from the last new beat that an observer gets of an ended incarnation to its verdict. */
const verdictMs = verdictBoundMs(membershipProfiles.lan)
/** Longest time that an observer may hold an ended incarnation alive: its last beat may lie in a stopped link for nearly a lease and still count as new when the link returns. */
export const ghostBoundMs = membershipProfiles.lan.leaseMs + verdictMs
/** Longest time in which a verdict on a member that runs may still end a life, its own or the observer's. */
const contestMs = memberLimits.contestLeases * membershipProfiles.lan.leaseMs
const chaosMs = 20_000
const stepMs = 250
/** Makes the choice of hostile members independent of the script. */
const castSalt = 0x5ea1
/** Four times the slowest link. */
const settlingMs = 1000

/** Runs membership and planner alone over a memory network in virtual time: one seed of churn, then calm. */
export async function runChurn(seed: number, peers = 16, groups = false): Promise<ChurnResult> {
  const names = Array.from({ length: peers }, (_, index) => `p${String(index).padStart(2, '0')}`)
  const cast = groups ? new Map<string, MaliceKind>() : castHostile(names, seededRandom(seed ^ castSalt))
  const swarm = new ChurnedSwarm(seed, names, groups, cast)
  const { world } = swarm
  const trace: string[] = []
  const violations: string[] = []
  const acts: Partial<Record<Act['type'], number>> = {}
  swarm.onHappening((line) => trace.push(`${world.clock.nowMs()} ${line}`))
  for (const name of names) {
    await swarm.play({ type: 'restart', peer: name })
    await world.run(20)
  }
  const endMs = world.clock.nowMs() + chaosMs
  while (world.clock.nowMs() < endMs) {
    const act = nextAct(world.random, swarm.standing())
    if (act !== undefined) {
      await swarm.play(act)
      acts[act.type] = (acts[act.type] ?? 0) + 1
    }
    for (let left = Math.floor(world.random.unit() * 6); left >= 0; left -= 1) await step(swarm, violations)
  }
  swarm.calm()
  const calmMs = world.clock.nowMs()
  // Frames that stopped links held arrive first, an ended incarnation's last beat perhaps among them. Older frames cannot arrive later.
  while (world.clock.nowMs() < calmMs + settlingMs) await step(swarm, violations)
  const agreeingMs = await until(
    swarm,
    violations,
    () => holdsExactly(swarm) && hashes(swarm).size === 1,
    verdictMs,
  )
  const convergedMs = agreeingMs === undefined ? undefined : agreeingMs + settlingMs
  if (convergedMs === undefined)
    violations.push(
      `after ${world.clock.nowMs() - calmMs} ms of calm ${holdsExactly(swarm) ? 'snapshot and plan hashes do not agree' : describe(swarm)}`,
    )
  if (convergedMs !== undefined) await staysCalm(swarm, violations, cast.size > 0)
  const agreed = [...hashes(swarm)]
  if (groups && convergedMs !== undefined) await adoptAll(swarm, violations)
  if (cast.size > 0 && convergedMs !== undefined) {
    await until(swarm, violations, () => !hasOpenVerdict(swarm), contestMs)
    violations.push(...(await besiege(swarm, trace, verdictMs, () => step(swarm, violations))))
  }
  violations.push(...resurrections(trace, (peer) => swarm.isHonest(peer)), ...shutOutHonest(swarm, trace))
  const documentBytes = Math.max(
    ...[...world.inhabitants.values()].map(({ membership }) => membership.documentBytes()),
  )
  trace.push(...agreed, String(sentBytes(swarm, names)))
  const groupsNow = Math.max(
    0,
    ...[...world.inhabitants.values()].map(
      ({ membership }) =>
        churnPlan(membership.snapshot()).placements.filter(({ group }) => group !== undefined).length,
    ),
  )
  await world.close()
  return {
    seed,
    traceHash: sha256Hex(new TextEncoder().encode(trace.join('\n'))),
    violations: [...new Set(violations)].slice(0, 10),
    acts,
    convergedMs: convergedMs ?? -1,
    documentBytes,
    groups: groupsNow,
    hostile: countKinds(cast.values()),
  }
}

/** Checks that nobody's view changes in a calm swarm. */
async function staysCalm(swarm: ChurnedSwarm, violations: string[], hostile: boolean): Promise<void> {
  for (let left = 2000 / stepMs; left > 0; left -= 1) await step(swarm, violations)
  // A complaint of one hostile member makes an observer suspect an honest peer, until that peer has answered its dial.
  const doubtMs = hostile ? membershipProfiles.lan.doubtMs : 0
  const calm = await until(swarm, violations, () => holdsExactly(swarm), doubtMs)
  if (calm === undefined) violations.push(`a calm swarm changed: ${describe(swarm)}`)
}

function countKinds(kinds: Iterable<MaliceKind>): ChurnResult['hostile'] {
  const counts: Partial<Record<MaliceKind, number>> = {}
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

async function step(swarm: ChurnedSwarm, violations: string[]): Promise<void> {
  await swarm.world.run(stepMs)
  swarm.tend()
  await swarm.act()
  const { clock } = swarm.world
  violations.push(...planViolationsOf(swarm))
  for (const { name, membership } of swarm.honest()) {
    const awakeMs = clock.nowMs() - (swarm.awakeSinceMs(name) ?? clock.nowMs())
    if (membership.documentBytes() > membership.members().length * memberLimits.maxChainBytes)
      violations.push(`the words that ${name} keeps have ${membership.documentBytes()} bytes`)
    if (awakeMs <= ghostBoundMs) continue
    for (const { peerId, incarnation } of membership.snapshot().members) {
      const sinceMs = swarm.endedMs(peerId, incarnation) ?? swarm.frozenSinceMs(peerId)
      if (sinceMs !== undefined && clock.nowMs() - sinceMs > ghostBoundMs)
        violations.push(
          `${name} holds ${peerId}@${incarnation} alive ${clock.nowMs() - sinceMs} ms after its end`,
        )
    }
  }
}

/** Checks the plan that each peer computes now. */
function planViolationsOf({ world }: ChurnedSwarm): string[] {
  const takesPart = [...world.inhabitants.values()].filter(({ membership }) =>
    membership.snapshot().members.some(({ group }) => group !== undefined),
  )
  return takesPart.flatMap(({ membership }) =>
    planViolations(churnPlan(membership.snapshot()), membership.snapshot()),
  )
}

async function until(
  swarm: ChurnedSwarm,
  violations: string[],
  holds: () => boolean,
  withinMs: number,
): Promise<number | undefined> {
  const startMs = swarm.world.clock.nowMs()
  while (!holds()) {
    if (swarm.world.clock.nowMs() - startMs > withinMs) return undefined
    await step(swarm, violations)
  }
  return swarm.world.clock.nowMs() - startMs
}

/** Turns in which all peers follow the plan: first their own spans, then their groups, then the spans that ranks hold beside. Each turn waits until all peers know of the one before. */
const turnsToAdopt = 6

/** Checks that in a calm swarm the plan settles while all peers follow it. */
async function adoptAll(swarm: ChurnedSwarm, violations: string[]): Promise<void> {
  const seen: string[] = []
  for (let turn = 0; turn < turnsToAdopt; turn += 1) {
    for (const name of swarm.world.inhabitants.keys()) await swarm.play({ type: 'adopt', peer: name })
    const agreed = await until(swarm, violations, () => hashes(swarm).size === 1, verdictMs)
    if (agreed === undefined) violations.push('all peers follow the plan, but their hashes do not agree')
    seen.push([...hashes(swarm)].join())
  }
  if (seen.at(-1) !== seen.at(-2))
    violations.push(
      `the plan does not settle while all peers follow it: ${seen.map((one) => one.slice(0, 8)).join(' ')}`,
    )
}

/** Events in which an observer, within one incarnation of its own, sees a peer join in an incarnation that it has seen end. */
export function resurrections(
  trace: readonly string[],
  isHonest: (peer: string) => boolean = () => true,
): string[] {
  const over = new Map<string, number>()
  const forget = (observer: string): void => {
    for (const key of over.keys()) if (key.startsWith(`${observer} `)) over.delete(key)
  }
  return trace.flatMap((line) => {
    const [, observer = '', text = ''] = /^[\d.]+ (\S+) (\{.*\})$/.exec(line) ?? []
    const [, restarted] = /"type":"restart","peer":"(\w+)"/.exec(line) ?? []
    if (restarted !== undefined) forget(restarted)
    if (observer === '' || text === '' || !isHonest(observer)) return []
    const event = JSON.parse(text) as MembershipEvent
    // A new life of the observer begins without the verdicts of the former one, as a restart does.
    if (event.type === 'self-expired') forget(observer)
    if (event.type === 'peer-dead' || event.type === 'peer-left')
      over.set(
        `${observer} ${event.peer}`,
        Math.max(event.incarnation, over.get(`${observer} ${event.peer}`) ?? 0),
      )
    return event.type === 'peer-joined' && event.incarnation <= (over.get(`${observer} ${event.peer}`) ?? 0)
      ? [`resurrected: ${line}`]
      : []
  })
}

function sentBytes({ world }: ChurnedSwarm, names: readonly string[]): number {
  return names
    .flatMap((from) => names.map((to) => (from === to ? 0 : world.network.sentBytes(from, to))))
    .reduce((sum, bytes) => sum + bytes, 0)
}
