import { snapshotHash, type Snapshot } from '@shoal/membership'
import { createWorld, type Inhabitant, type World } from '@shoal/membership/testing'
import { planHash } from '@shoal/planner'
import type { HarnessReport } from '../chaos.ts'
import { nameOf } from '../bench/membership/traffic.ts'
import { turnOfEventLoop } from '../turn.ts'
import { adopt } from './adopt.ts'
import { hardwareOf } from './hardware.ts'
import { churnPlan } from './plans.ts'

export interface PlanAgreement {
  /** Share of the time in which all peers have one plan. */
  readonly share: number
  /** Longest time without a break in which plans differ. */
  readonly differingMsMost: number
  /**
   * From the first sample in which plans differ to the last one, before the next peer comes or goes. Peers that follow a
   * new plan one after the other change it again, so that this may last although plans differ for moments only.
   */
  readonly settlingMsMost: number
}

const sampleMs = 250
/** How often a peer compares what it holds with its plan, each at a moment of its own; it loads blocks in less. */
const adoptEveryMs = 3000
/** The goals: plans are one for this share of the time, and after a change they are one again within this time. */
const goals = { share: 0.9, differingMs: 10_000 }
/** The swarm of `npm run chaos -- agreement`: a change comes every 94 s. */
const played = { peers: 64, churnPerHour: 0.3, changes: 12 }
/** Peers join, fall silent, are killed and leave in turn. */
const kinds = ['join', 'kill', 'join', 'leave', 'join', 'silence'] as const
/** Time for a swarm that has just formed to measure its links, and to follow its first plans. */
const formingMs = 90_000

/**
 * Peers with links of 1 to 40 ms that follow their plans, of whom a share joins and as large a share goes each hour.
 *
 * @param churnPerHour share of the peers
 */
export async function planAgreement(
  seed: number,
  count: number,
  churnPerHour: number,
  changes: number,
): Promise<PlanAgreement> {
  const swarm = new PlanningSwarm(seed)
  for (let index = 0; index < count; index += 1) await swarm.join()
  await swarm.watch(formingMs)
  const gapMs = 3_600_000 / (2 * churnPerHour * count)
  const seen: boolean[][] = []
  for (let change = 0; change < changes; change += 1) {
    await swarm.change(kinds[change % kinds.length]!)
    seen.push(await swarm.watch(gapMs))
  }
  await swarm.world.close()
  const all = seen.flat()
  return {
    share: all.filter(Boolean).length / all.length,
    differingMsMost: sampleMs * Math.max(...seen.map(longestDifference)),
    settlingMsMost: Math.max(
      ...seen.map((agreed) =>
        agreed.includes(false) ? sampleMs * (1 + agreed.lastIndexOf(false) - agreed.indexOf(false)) : 0,
      ),
    ),
  }
}

/** Samples in a row in which plans differ. */
function longestDifference(agreed: readonly boolean[]): number {
  let [longest, run] = [0, 0]
  for (const one of agreed) {
    run = one ? 0 : run + 1
    longest = Math.max(longest, run)
  }
  return longest
}

/** Plays `planAgreement` with 64 peers, one seed after the other, for `npm run chaos -- agreement`. */
export async function chaosAgreement(
  first: number,
  seeds: number,
  report: (line: string) => void,
): Promise<HarnessReport> {
  const failed: HarnessReport['failed'][number][] = []
  const shares: number[] = []
  let [differingMs, settlingMs] = [0, 0]
  for (let seed = first; seed < first + seeds; seed += 1) {
    const { peers, churnPerHour, changes } = played
    const { share, differingMsMost, settlingMsMost } = await planAgreement(seed, peers, churnPerHour, changes)
    shares.push(share)
    differingMs = Math.max(differingMs, differingMsMost)
    settlingMs = Math.max(settlingMs, settlingMsMost)
    const violations = [
      ...(share < goals.share ? [`all had one plan in ${percent(share)} of the time only`] : []),
      ...(differingMsMost > goals.differingMs ? [`plans differed for ${differingMsMost} ms`] : []),
    ]
    if (violations.length > 0)
      failed.push({ seed, violations, repeat: `npm run chaos -- agreement --count 1 --from ${seed}` })
    report(
      `seed ${seed}: one plan in ${percent(share)} of the time, apart for ${differingMsMost} ms at most, the last time ${settlingMsMost} ms after the first`,
    )
    await turnOfEventLoop()
  }
  const least = `${percent(Math.min(...shares))} of the time at least`
  return {
    failed,
    lines: [
      `${shares.length} seeds, ${failed.length} failed: one plan in ${least}, apart for ${differingMs} ms at most; the last time ${settlingMs} ms after the first`,
    ],
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`

class PlanningSwarm {
  readonly world: World
  #joined = 0
  #samples = 0
  /** Joined first to last: which of the moments of a turn is a peer's. */
  readonly #moments = new Map<string, number>()
  /** Peers that have stopped without a word. */
  readonly #silent = new Set<string>()
  readonly #hashes = new WeakMap<Snapshot, string>()
  readonly #plans = new Map<string, string>()

  constructor(seed: number) {
    this.world = createWorld(seed)
  }

  async join(): Promise<void> {
    const { world } = this
    const name = nameOf((this.#joined += 1))
    this.#moments.set(name, Math.floor((world.random.unit() * adoptEveryMs) / sampleMs))
    const others = this.#speaking().map((peer) => peer.name)
    for (const other of others)
      world.network.setLatency(name, other, 0.5 + Math.floor(world.random.unit() * 20))
    // Whoever is silent is so for newcomers too: one that reached it would bring it back for everybody, again and again.
    for (const silent of this.#silent) world.network.stop(silent, name)
    const { membership, transport } = await world.join(name, undefined, { silent: true })
    await membership.announce({
      state: 'serving',
      hardware: hardwareOf(world),
      numericClass: 'one',
      version: 'bench',
    })
    const via = this.#any(others)
    if (via === undefined) return
    const dialled = transport.dial(`/memory/${via}/p2p/${via}`, { signal: new AbortController().signal })
    await world.run(100)
    await dialled
  }

  async change(kind: (typeof kinds)[number]): Promise<void> {
    if (kind === 'join') return this.join()
    const { world } = this
    const name = this.#any(this.#speaking().map((peer) => peer.name))
    if (name === undefined) return
    if (kind === 'leave') {
      await world.inhabitants.get(name)?.membership.leave()
      await world.run(50)
    }
    if (kind === 'silence') this.#silence(name)
    else await world.kill(name)
  }

  /** Lets time pass. @returns for each sample whether all have one plan */
  async watch(durationMs: number): Promise<boolean[]> {
    const { world } = this
    const agreed: boolean[] = []
    for (let passedMs = 0; passedMs < durationMs; passedMs += sampleMs) {
      await world.run(sampleMs)
      const moment = (this.#samples += 1) % (adoptEveryMs / sampleMs)
      for (const peer of this.#speaking()) if (this.#moments.get(peer.name) === moment) await adopt(peer)
      const plans = this.#speaking().map(({ membership }) => this.#planOf(membership.snapshot()))
      agreed.push(new Set(plans).size === 1)
    }
    return agreed
  }

  #silence(name: string): void {
    this.#silent.add(name)
    this.world.freeze(name)
    for (const other of this.world.inhabitants.keys())
      if (other !== name) this.world.network.stop(name, other)
  }

  #speaking(): readonly Inhabitant[] {
    return [...this.world.inhabitants.values()].filter(({ name }) => !this.#silent.has(name))
  }

  #planOf(snapshot: Snapshot): string {
    const hash = this.#hashes.get(snapshot) ?? snapshotHash(snapshot)
    this.#hashes.set(snapshot, hash)
    const made = this.#plans.get(hash) ?? planHash(churnPlan(snapshot))
    this.#plans.set(hash, made)
    return made
  }

  #any(names: readonly string[]): string | undefined {
    return names[Math.floor(this.world.random.unit() * names.length)]
  }
}
