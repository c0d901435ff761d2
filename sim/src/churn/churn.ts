import { membershipProfiles, snapshotHash, type MembershipEvent } from '@shoal/membership'
import { sha256Hex } from '@shoal/model'
import { planHash } from '@shoal/planner'
import { nextAct, type Act } from './script.ts'
import { churnPlan, planViolations } from './plans.ts'
import { createStage, type Stage } from './stage.ts'

export interface ChurnResult {
  readonly seed: number
  /** Equal for equal seeds: everything that was done, said, planned and sent. */
  readonly traceHash: string
  /** What a checker found; empty when all is well. */
  readonly violations: readonly string[]
  readonly acts: Readonly<Partial<Record<Act['type'], number>>>
  /** From the calm until everybody holds exactly those alive who are, and plans the same. */
  readonly convergedMs: number
  readonly documentBytes: number
  /** Groups of the plan that everybody has adopted in the end. */
  readonly groups: number
}

const { leaseMs, dialBackMs, graceMs, beatIntervalMs, rotateAtBytes } = membershipProfiles.lan
/** From the last new beat that an observer gets of an ended incarnation: the lease, the dial-back, its grace when the next life answers it. */
const verdictMs = leaseMs + dialBackMs + graceMs + 2 * beatIntervalMs
/** Most that an ended incarnation may be held alive: its last beat may lie in a stopped link for nearly a lease and count as new when the link returns. */
export const ghostBoundMs = leaseMs + verdictMs
const chaosMs = 20_000
const stepMs = 250
/** Four times the slowest link. */
const settlingMs = 1000

/** Membership and planner alone: one seed of churn over a memory network in virtual time, then calm. */
export async function runChurn(seed: number, peers = 16, groups = false): Promise<ChurnResult> {
  const names = Array.from({ length: peers }, (_, index) => `p${String(index).padStart(2, '0')}`)
  const stage = createStage(seed, names, groups)
  const { world } = stage
  const trace: string[] = []
  const violations: string[] = []
  const acts: Partial<Record<Act['type'], number>> = {}
  stage.onHappening((line) => trace.push(`${world.clock.nowMs()} ${line}`))
  for (const name of names) {
    await stage.play({ type: 'restart', peer: name })
    await world.run(20)
  }
  const endMs = world.clock.nowMs() + chaosMs
  while (world.clock.nowMs() < endMs) {
    const act = nextAct(world.random, stage.standing())
    if (act !== undefined) {
      await stage.play(act)
      acts[act.type] = (acts[act.type] ?? 0) + 1
    }
    for (let left = Math.floor(world.random.unit() * 6); left >= 0; left -= 1) await step(stage, violations)
  }
  stage.calm()
  const calmMs = world.clock.nowMs()
  // What stopped links held arrives first: an ended incarnation's last beat may be among it. Nothing that is older comes later.
  while (world.clock.nowMs() < calmMs + settlingMs) await step(stage, violations)
  const agreeingMs = await until(
    stage,
    violations,
    () => holdsExactly(stage) && hashes(stage).size === 1,
    verdictMs,
  )
  const convergedMs = agreeingMs === undefined ? undefined : agreeingMs + settlingMs
  if (convergedMs === undefined)
    violations.push(
      `after ${world.clock.nowMs() - calmMs} ms of calm ${holdsExactly(stage) ? 'snapshot and plan hashes do not agree' : describe(stage)}`,
    )
  await world.run(2000)
  if (convergedMs !== undefined && !holdsExactly(stage))
    violations.push(`a calm swarm changed: ${describe(stage)}`)
  const agreed = [...hashes(stage)]
  if (groups && convergedMs !== undefined) await adoptAll(stage, violations)
  violations.push(...resurrections(trace))
  const documentBytes = Math.max(
    ...[...world.inhabitants.values()].map(({ membership }) => membership.documentBytes()),
  )
  trace.push(...agreed, String(sentBytes(stage, names)))
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
  }
}

async function step(stage: Stage, violations: string[]): Promise<void> {
  await stage.world.run(stepMs)
  stage.tend()
  const { clock, inhabitants } = stage.world
  violations.push(...planViolationsOf(stage))
  for (const { name, membership } of inhabitants.values()) {
    const awakeMs = clock.nowMs() - (stage.awakeSinceMs(name) ?? clock.nowMs())
    // Remains of overwritten values may come to half of the bound again before a rotation notices.
    if (membership.documentBytes() > 2 * rotateAtBytes)
      violations.push(`the document of ${name} has ${membership.documentBytes()} bytes`)
    if (awakeMs <= ghostBoundMs) continue
    for (const { peerId, incarnation } of membership.snapshot().members) {
      const sinceMs = stage.endedMs(`${peerId}@${incarnation}`) ?? stage.frozenSinceMs(peerId)
      if (sinceMs !== undefined && clock.nowMs() - sinceMs > ghostBoundMs)
        violations.push(
          `${name} holds ${peerId}@${incarnation} alive ${clock.nowMs() - sinceMs} ms after its end`,
        )
    }
  }
}

/** Of whatever each of them plans just then. */
function planViolationsOf({ world }: Stage): string[] {
  const takesPart = [...world.inhabitants.values()].filter(({ membership }) =>
    membership.snapshot().members.some(({ group }) => group !== undefined),
  )
  return takesPart.flatMap(({ membership }) =>
    planViolations(churnPlan(membership.snapshot()), membership.snapshot()),
  )
}

async function until(
  stage: Stage,
  violations: string[],
  holds: () => boolean,
  withinMs: number,
): Promise<number | undefined> {
  const startMs = stage.world.clock.nowMs()
  while (!holds()) {
    if (stage.world.clock.nowMs() - startMs > withinMs) return undefined
    await step(stage, violations)
  }
  return stage.world.clock.nowMs() - startMs
}

/** Turns in which all follow the plan: what they hold apart, their groups, then what ranks hold beside. Each waits until all know of the one before. */
const turnsToAdopt = 6

/** In a calm swarm the plan comes to rest, and so does who follows it. */
async function adoptAll(stage: Stage, violations: string[]): Promise<void> {
  const seen: string[] = []
  for (let turn = 0; turn < turnsToAdopt; turn += 1) {
    for (const name of stage.world.inhabitants.keys()) await stage.play({ type: 'adopt', peer: name })
    const agreed = await until(stage, violations, () => hashes(stage).size === 1, verdictMs)
    if (agreed === undefined) violations.push('after all have followed the plan, they do not agree')
    seen.push([...hashes(stage)].join())
  }
  if (seen.at(-1) !== seen.at(-2))
    violations.push(
      `who follows the plan does not come to rest: ${seen.map((one) => one.slice(0, 8)).join(' ')}`,
    )
}

/** No ghost and nobody missing, with everybody. */
function holdsExactly(stage: Stage): boolean {
  const truth = stage.members().join(' ')
  return [...stage.world.inhabitants.keys()].every((name) => stage.world.alive(name).join(' ') === truth)
}

function describe(stage: Stage): string {
  const truth = stage.members()
  const wrong = [...stage.world.inhabitants.keys()].flatMap((name) => {
    const held = stage.world.alive(name)
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

/** Distinct pairs of what is known and what is planned. */
function hashes(stage: Stage): ReadonlySet<string> {
  const planned = new Map<string, string>()
  return new Set(
    [...stage.world.inhabitants.values()].map(({ membership }) => {
      const snapshot = membership.snapshot()
      const known = snapshotHash(snapshot)
      const hash = planned.get(known) ?? planHash(churnPlan(snapshot))
      planned.set(known, hash)
      return `${known} ${hash}`
    }),
  )
}

/** In one life of an observer nobody joins again in an incarnation that it has seen end. */
export function resurrections(trace: readonly string[]): string[] {
  const over = new Map<string, number>()
  return trace.flatMap((line) => {
    const [, observer = '', text = ''] = /^[\d.]+ (\S+) (\{.*\})$/.exec(line) ?? []
    const [, restarted] = /"type":"restart","peer":"(\w+)"/.exec(line) ?? []
    if (restarted !== undefined)
      for (const key of over.keys()) if (key.startsWith(`${restarted} `)) over.delete(key)
    if (observer === '' || text === '') return []
    const event = JSON.parse(text) as MembershipEvent
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

function sentBytes({ world }: Stage, names: readonly string[]): number {
  return names
    .flatMap((from) => names.map((to) => (from === to ? 0 : world.network.sentBytes(from, to))))
    .reduce((sum, bytes) => sum + bytes, 0)
}
