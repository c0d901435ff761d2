import { onAbort } from '@shoal/host'
import { formatProfile, rankPermille, type BlockRange, type IdentifiedManifest } from '@shoal/model'
import {
  snapshotHash,
  type Member,
  type MemberHardware,
  type Membership,
  type Snapshot,
} from '@shoal/membership'
import {
  apartSnapshot,
  findRoute,
  groupHardware,
  modelCosts,
  plan as planSwarm,
  planHash,
  tokenMicros,
  type GroupOf,
  type ModelCosts,
  type Placement,
  type Plan,
  type SharesOf,
} from '@shoal/planner'
import type { PeerLoad } from '@shoal/protocol'
import type { Route, RouteWish } from '@shoal/session'
import type { LinkRates } from '../measuring/link-rates.ts'
import { remembered } from '../groups/remembered-shares.ts'
import type { SwarmChange, SwarmStatus, WhatIf } from '../types.ts'
import { changedSnapshot, outlookOf } from './what-if.ts'
import { noMember } from './no-member.ts'
import { noRoute } from './no-route.ts'
import { copiesOf, peerStatus } from './peer-status.ts'
import { withoutBanned } from './without-banned.ts'

/** What one observer knows of a swarm: who is there, what the plan is, which routes exist. Reads only. */
export interface SwarmView {
  /**
   * Stages covering exactly `range`, over spans that live peers hold now, with room for `tokenBudget` positions.
   * @throws {ShoalError} `no-route`, naming the blocks nobody holds
   */
  find(
    range: BlockRange,
    exclude: ReadonlySet<string>,
    tokenBudget?: number,
    wish?: RouteWish,
  ): Promise<Route>
  readonly costs: ModelCosts
  /**
   * Predicted time of one token along a route behind `past` positions, if its peers compute nothing else. This peer's
   * own work is not included. Null when a peer of the route is gone.
   */
  predictTokenMs(route: readonly Placement[], past: number): number | null
  /** Thousandths of each block for ranks of these speeds; null when this model cannot be split so. */
  readonly permille: SharesOf
  /** Predicted speed of a group that this peer leads, from what its ranks announce; null when a rank is not there. */
  together(group: GroupOf): MemberHardware | null
  /** The plan of the present snapshot; made anew only when the snapshot has changed. */
  plan(): Plan
  status(): SwarmStatus
  /** The plan with other devices. @throws {ShoalError} `bad-request` for a peer that is no member */
  whatIf(change: SwarmChange): WhatIf
  /** Live peers that serve blocks. */
  serving(): readonly string[]
  /** Live peers that serve each block, `except` left out. */
  coverage(except?: string): number[]
  /** Resolves when live peers serve every block; rejects with the signal's reason. */
  whenCovered(signal: AbortSignal): Promise<void>
  /**
   * Resolves when somebody is known and nobody's liveness is `unknown` any more: records come with the first sync, beats
   * some moments later. Rejects with the signal's reason.
   */
  whenKnown(signal: AbortSignal): Promise<void>
}

/**
 * Makes the plan of a snapshot whose hash is known. The plan is a pure function of the snapshot, so a simulator of many
 * observers may compute it once for all of them.
 */
export type Planner = (snapshot: Snapshot, hash: string) => Plan

export interface ViewDependencies {
  readonly selfId: string
  readonly manifest: IdentifiedManifest
  readonly membership: Pick<Membership, 'members' | 'snapshot' | 'links' | 'onChange'>
  /** Measured rates of links to this peer; absent where nothing measures them. */
  readonly rates?: Pick<LinkRates, 'rates'>
  /** Peers that plans and routes leave out; nobody when absent. */
  readonly banned?: () => ReadonlyMap<string, number>
  /** By default every observer computes its own plans. */
  readonly planner?: Planner
}

export function createSwarmView(dependencies: ViewDependencies): SwarmView {
  return new ObservedSwarm(dependencies)
}

const nobody: ReadonlyMap<string, number> = new Map()

class ObservedSwarm implements SwarmView {
  readonly costs: ModelCosts
  readonly permille: SharesOf
  readonly #dependencies: ViewDependencies
  readonly #planOf: Planner
  /** Members held alive that are not banned. */
  readonly #snapshot: () => Snapshot
  #planned: { readonly snapshot: Snapshot; readonly hash: string; readonly plan: Plan } | null = null

  constructor(dependencies: ViewDependencies) {
    const { config, profile } = dependencies.manifest.manifest
    this.#dependencies = dependencies
    this.#snapshot = withoutBanned(dependencies.membership, () => this.#banned())
    this.costs = modelCosts(config, profile)
    this.permille = remembered((speeds) => rankPermille(config, profile, speeds))
    this.#planOf =
      dependencies.planner ??
      ((snapshot) =>
        planSwarm({ ...snapshot, costs: this.costs }, { objective: 'latency', shares: this.permille }))
  }

  plan(): Plan {
    const snapshot = this.#snapshot()
    const before = this.#planned
    if (before?.snapshot === snapshot) return before.plan
    const hash = snapshotHash(snapshot)
    const plan = before?.hash === hash ? before.plan : this.#planOf(snapshot, hash)
    this.#planned = { snapshot, hash, plan }
    return plan
  }

  coverage(except?: string): number[] {
    const { blockCount } = this.costs
    const banned = this.#banned()
    const holders = new Array<number>(blockCount).fill(0)
    for (const { record, liveness } of this.#dependencies.membership.members()) {
      const { span, state, peerId } = record
      if (liveness !== 'alive' || state !== 'serving' || span === null) continue
      if (peerId === except || banned.has(peerId)) continue
      for (let block = span.start; block < Math.min(span.end, blockCount); block += 1)
        holders[block] = holders[block]! + 1
    }
    return holders
  }

  serving(): readonly string[] {
    return this.#dependencies.membership.members().flatMap(({ record, liveness }) => {
      const { span, state, peerId } = record
      return liveness === 'alive' && state === 'serving' && span !== null ? [peerId] : []
    })
  }

  #banned(): ReadonlyMap<string, number> {
    return this.#dependencies.banned?.() ?? nobody
  }

  together({ ranks, speeds }: GroupOf): MemberHardware | null {
    const { selfId } = this.#dependencies
    const { members } = apartSnapshot(this.#snapshot())
    const found = [selfId, ...ranks].flatMap((peer) => members.filter(({ peerId }) => peerId === peer))
    const shares = this.permille(speeds)
    return shares === null || found.length <= ranks.length
      ? null
      : groupHardware({ members: found, costs: this.costs }, shares)
  }

  async find(
    range: BlockRange,
    exclude: ReadonlySet<string>,
    tokenBudget = 1,
    wish?: RouteWish,
  ): Promise<Route> {
    const { membership, manifest, selfId } = this.#dependencies
    const load = loadsOf(membership.members())
    const found = findRoute(
      { ...this.#observed(), costs: this.costs },
      { range, tokenBudget, exclude, from: selfId, load, ...wish },
    )
    if (!found.found) {
      const without = new Set([...exclude, ...(wish?.lost.keys() ?? [])])
      throw noRoute(manifest.manifest.name, found.uncovered, tokenBudget, without)
    }
    return found.stages.map((stage) => ({
      peer: stage.peer,
      addresses: stage.addresses,
      range: stage.range,
      incarnation: stage.incarnation,
      predictedStepMs: (rows) =>
        (rows === 1
          ? stage.decodeMicros + stage.hopMicros
          : rows * (stage.prefillMicrosPerRow + stage.hopMicrosPerRow) + stage.hopMicros) / 1000,
    }))
  }

  predictTokenMs(route: readonly Placement[], past: number): number | null {
    const snapshot = { ...this.#observed(), costs: this.costs }
    const known = route.every(({ peer }) => snapshot.members.some(({ peerId }) => peerId === peer))
    return known && route.length > 0
      ? tokenMicros(snapshot, route, { from: this.#dependencies.selfId, past }) / 1000
      : null
  }

  status(): SwarmStatus {
    const { membership, manifest, selfId } = this.#dependencies
    const { config, profile, name } = manifest.manifest
    const plan = this.plan()
    const members = membership.members()
    return {
      model: name,
      manifest: manifest.id,
      profile: formatProfile(profile),
      blockCount: config.blockCount,
      peers: members.map((member) => peerStatus(member, selfId, membership.links())),
      coverage: this.coverage(),
      covered: this.#covered(),
      copies: copiesOf(members, config.blockCount),
      snapshotHash: snapshotHash(this.#snapshot()),
      planHash: planHash(plan),
      placements: plan.placements,
    }
  }

  whatIf(change: SwarmChange): WhatIf {
    const other = changedSnapshot(this.#snapshot(), change)
    const options = { objective: 'latency', shares: this.permille } as const
    const plan = planSwarm({ ...other, costs: this.costs }, options)
    return { now: outlookOf(this.plan()), changed: outlookOf(plan) }
  }

  whenCovered(signal: AbortSignal): Promise<void> {
    return when(this.#dependencies.membership, () => this.#covered(), signal)
  }

  whenKnown(signal: AbortSignal): Promise<void> {
    return when(this.#dependencies.membership, () => this.#known(), signal)
  }

  /**
   * The members, and this observer among them with the links that it has measured. A client is no member, but routes
   * begin and end at it.
   */
  #observed(): Snapshot {
    const { membership, selfId, rates } = this.#dependencies
    const { members } = this.#snapshot()
    const own = members.find(({ peerId }) => peerId === selfId) ?? noMember(selfId)
    return {
      members: [
        ...members.filter((member) => member !== own),
        { ...own, links: membership.links(), rates: Object.fromEntries(rates?.rates() ?? []) },
      ],
    }
  }

  #covered(): boolean {
    return this.coverage().every((holders) => holders > 0)
  }

  #known(): boolean {
    const { membership, selfId } = this.#dependencies
    const others = membership.members().filter(({ record }) => record.peerId !== selfId)
    return others.length > 0 && others.every(({ liveness }) => liveness !== 'unknown')
  }
}

/** Resolves when `holds` does, asked again at every change. */
function when(
  membership: Pick<Membership, 'onChange'>,
  holds: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    if (holds()) {
      resolve()
      return
    }
    const endListening = membership.onChange(() => {
      if (!holds()) return
      endListening()
      stopListening()
      resolve()
    })
    const stopListening = onAbort(signal, () => {
      endListening()
      reject(signal.reason)
    })
  })
}

function loadsOf(members: readonly Member[]): ReadonlyMap<string, PeerLoad> {
  return new Map(
    members.flatMap(({ record, load }) => (load === null ? [] : [[record.peerId, load] as const])),
  )
}
