import { snapshotHash, type Snapshot } from '@shoal/membership'
import { createWorld, type Inhabitant, type World } from '@shoal/membership/testing'
import { planHash } from '@shoal/planner'
import { adopt } from '../../churn/adopt.ts'
import { hardwareOf } from '../../churn/hardware.ts'
import { churnPlan } from '../../churn/plans.ts'
import { nameOf } from './traffic.ts'

export interface PlanAgreement {
  /** Share of the time in which all peers have one plan. */
  readonly share: number
  /** Longest time after a change in which plans differ: from the first sample that differs to the last one. */
  readonly settlingMsMost: number
}

const sampleMs = 250
/** How often a peer compares what it holds with its plan; it loads blocks in less. */
const adoptEveryMs = 3000
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
    settlingMsMost: Math.max(
      ...seen.map((agreed) =>
        agreed.includes(false) ? sampleMs * (1 + agreed.lastIndexOf(false) - agreed.indexOf(false)) : 0,
      ),
    ),
  }
}

class PlanningSwarm {
  readonly world: World
  #joined = 0
  #adoptedMs = 0
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
    const others = this.#speaking().map((peer) => peer.name)
    for (const other of others)
      world.network.setLatency(name, other, 0.5 + Math.floor(world.random.unit() * 20))
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
      if (world.clock.nowMs() >= this.#adoptedMs + adoptEveryMs) {
        this.#adoptedMs = world.clock.nowMs()
        for (const peer of this.#speaking()) await adopt(peer)
      }
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
