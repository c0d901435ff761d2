import { onAbort, ShoalError } from '@shoal/host'
import { formatProfile, rankPermille, type BlockRange, type IdentifiedManifest } from '@shoal/model'
import {
  snapshotHash,
  type BeatLoad,
  type Member,
  type MemberHardware,
  type Membership,
  type Snapshot,
  type SnapshotMember,
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
import type { Route, RouteWish } from '@shoal/session'
import type { LinkRates } from '../measuring/link-rates.ts'
import { remembered } from '../groups/remembered-shares.ts'
import type { SwarmStatus } from '../types.ts'
import { copiesOf, peerStatus } from './peer-status.ts'

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
   * Time of one token along a route behind `past` positions, without what this peer does with it itself; null when a peer
   * of the route is gone. Of peers that do nothing else.
   */
  predictTokenMs(route: readonly Placement[], past: number): number | null
  /** Thousandths of each block for ranks of these speeds; null when this model cannot be split so. */
  readonly permille: SharesOf
  /** What a group of this peer's is predicted to do, by what its ranks say of themselves; null when one is not there. */
  together(group: GroupOf): MemberHardware | null
  /** The plan of the present snapshot; made anew only when the snapshot has changed. */
  plan(): Plan
  status(): SwarmStatus
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

/** The plan of a snapshot whose hash is known: a pure function, so that whoever has many observers may ask it once for all. */
export type Planner = (snapshot: Snapshot, hash: string) => Plan

export interface ViewDependencies {
  readonly selfId: string
  readonly manifest: IdentifiedManifest
  readonly membership: Pick<Membership, 'members' | 'snapshot' | 'links' | 'onChange'>
  /** What links to this peer have carried; absent where nothing measures it. */
  readonly rates?: Pick<LinkRates, 'rates'>
  /** By default every observer makes its own. */
  readonly planner?: Planner
}

export function createSwarmView({
  selfId,
  manifest,
  membership,
  rates,
  planner,
}: ViewDependencies): SwarmView {
  const { config, profile, name } = manifest.manifest
  const costs = modelCosts(config, profile)
  const permille = remembered((speeds) => rankPermille(config, profile, speeds))
  const planOf: Planner =
    planner ?? ((snapshot) => planSwarm({ ...snapshot, costs }, { objective: 'latency', shares: permille }))
  let planned: { snapshot: Snapshot; hash: string; plan: Plan } | null = null

  const plan = (): Plan => {
    const snapshot = membership.snapshot()
    if (planned?.snapshot === snapshot) return planned.plan
    const hash = snapshotHash(snapshot)
    planned = { snapshot, hash, plan: planned?.hash === hash ? planned.plan : planOf(snapshot, hash) }
    return planned.plan
  }
  /** The members, and this observer among them with the links it has measured: a client is no member, but routes begin and end here. */
  const observed = (): Snapshot => {
    const { members } = membership.snapshot()
    const own = members.find(({ peerId }) => peerId === selfId) ?? noMember(selfId)
    return {
      members: [
        ...members.filter((member) => member !== own),
        { ...own, links: membership.links(), rates: Object.fromEntries(rates?.rates() ?? []) },
      ],
    }
  }
  const coverage = (except?: string): number[] => {
    const holders = new Array<number>(config.blockCount).fill(0)
    for (const { record, liveness } of membership.members()) {
      if (
        liveness !== 'alive' ||
        record.state !== 'serving' ||
        record.span === null ||
        record.peerId === except
      )
        continue
      for (let block = record.span.start; block < Math.min(record.span.end, config.blockCount); block += 1)
        holders[block] = holders[block]! + 1
    }
    return holders
  }
  const covered = (): boolean => coverage().every((holders) => holders > 0)
  const known = (): boolean => {
    const others = membership.members().filter(({ record }) => record.peerId !== selfId)
    return others.length > 0 && others.every(({ liveness }) => liveness !== 'unknown')
  }

  return {
    costs,
    permille,
    together({ ranks, speeds }) {
      const { members } = apartSnapshot(membership.snapshot())
      const found = [selfId, ...ranks].flatMap((peer) => members.filter(({ peerId }) => peerId === peer))
      const shares = permille(speeds)
      return shares === null || found.length <= ranks.length
        ? null
        : groupHardware({ members: found, costs }, shares)
    },
    plan,
    coverage,
    async find(
      range: BlockRange,
      exclude: ReadonlySet<string>,
      tokenBudget = 1,
      wish?: RouteWish,
    ): Promise<Route> {
      const found = findRoute(
        { ...observed(), costs },
        {
          range,
          tokenBudget,
          exclude,
          from: selfId,
          load: loadsOf(membership.members()),
          ...wish,
        },
      )
      if (!found.found)
        throw noRoute(name, found.uncovered, tokenBudget, new Set([...exclude, ...(wish?.lost.keys() ?? [])]))
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
    },
    predictTokenMs(route, past) {
      const snapshot = { ...observed(), costs }
      const known = route.every(({ peer }) => snapshot.members.some(({ peerId }) => peerId === peer))
      return known && route.length > 0 ? tokenMicros(snapshot, route, { from: selfId, past }) / 1000 : null
    },
    status() {
      const now = plan()
      const members = membership.members()
      return {
        model: name,
        manifest: manifest.id,
        profile: formatProfile(profile),
        blockCount: config.blockCount,
        peers: members.map((member) => peerStatus(member, selfId, membership.links())),
        coverage: coverage(),
        covered: covered(),
        copies: copiesOf(members, config.blockCount),
        snapshotHash: snapshotHash(membership.snapshot()),
        planHash: planHash(now),
        placements: now.placements,
      }
    },
    whenCovered: (signal) => when(membership, covered, signal),
    whenKnown: (signal) => when(membership, known, signal),
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

/** Says which blocks are missing; when each has a holder, the holders do not form a chain without those left out. */
export function noRoute(
  model: string,
  uncovered: readonly BlockRange[],
  tokenBudget: number,
  exclude: ReadonlySet<string>,
): ShoalError {
  const without = exclude.size === 0 ? '' : `, ${[...exclude].join(' and ')} left out`
  if (uncovered.length === 0)
    return new ShoalError(
      'no-route',
      `the live peers of ${model} form no route with room for ${tokenBudget} tokens${without}`,
    )
  const one = uncovered.length === 1 && uncovered[0]!.end - uncovered[0]!.start === 1
  const blocks = uncovered
    .map(({ start, end }) => (end - start === 1 ? `${start}` : `${start} to ${end - 1}`))
    .join(', ')
  return new ShoalError(
    'no-route',
    `nobody live serves block${one ? '' : 's'} ${blocks} of ${model} with room for ${tokenBudget} tokens${without}`,
  )
}

/** Somebody who holds nothing and takes nothing. */
function noMember(peerId: string): SnapshotMember {
  const hardware = {
    memoryBytes: 0,
    decodeMicrosPerBlock: 0,
    prefillMicrosPerRowBlock: 0,
    bandwidthBytesPerSecond: 0,
    device: 'none',
    threads: 0,
  }
  return {
    peerId,
    incarnation: 0,
    state: 'joining',
    span: null,
    hardware,
    numericClass: 'none',
    addresses: [],
    links: {},
  }
}

function loadsOf(members: readonly Member[]): ReadonlyMap<string, BeatLoad> {
  return new Map(
    members.flatMap(({ record, load }) => (load === null ? [] : [[record.peerId, load] as const])),
  )
}
