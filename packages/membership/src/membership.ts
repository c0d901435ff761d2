import { messageOf, type Clock, type Logger, type Random, type Timer } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { createDetector } from './detector.ts'
import { createGossip } from './gossip.ts'
import { createLinkWords } from './links.ts'
import { livenessOf, type Liveness } from './liveness.ts'
import { createMesh } from './mesh.ts'
import { createConduct, type Conduct } from './conduct.ts'
import { createNeighbours, type Neighbours } from './neighbours.ts'
import type { MembershipOptions } from './options.ts'
import type { MemberRecord } from './record.ts'
import { createReplica } from './replica.ts'
import { createSelf, type Announcement, type BeatLoad } from './self.ts'
import { createSnapshots, type Snapshot } from './snapshot.ts'
import { createStandstill } from './standstill.ts'

/** A peer as this observer sees it. */
export interface Member {
  readonly record: MemberRecord
  readonly liveness: Liveness
  /** From its newest beat; null before the first. */
  readonly load: BeatLoad | null
}

export type MembershipEvent =
  /** Known and alive for the first time in this incarnation. */
  | {
      readonly type: 'peer-joined' | 'peer-suspected' | 'peer-dead' | 'peer-left'
      readonly peer: string
      readonly incarnation: number
    }
  /**
   * The named incarnation of ourselves is over: we stood still for longer than our lease, or others hold it dead.
   * Listeners drop what depends on it before they return; the next incarnation is announced after that.
   */
  | {
      readonly type: 'self-expired'
      readonly incarnation: number
      readonly next: number
      readonly cause: 'stood-still' | 'held-dead' | 'older-record'
    }
  /** A neighbour sent what no honest one sends, eight times. */
  | { readonly type: 'peer-shut-out'; readonly peer: string; readonly why: string }

export interface Membership {
  /** Begins to beat and to sync with every connected peer. */
  start(): void
  /** Says something new of this peer; the first one makes it a member. */
  announce(patch: Announcement): Promise<void>
  /** For the next beats. */
  setLoad(load: BeatLoad): void
  /** Writes `left`: others stop routing here at once. Beats end. */
  leave(): Promise<void>
  /** All known members, this peer included once it has announced, sorted by peer id. */
  members(): readonly Member[]
  /** Any record or liveness changed. @returns a function that ends it */
  onChange(listener: () => void): () => void
  onEvent(listener: (event: MembershipEvent) => void): () => void
  /** Smallest recent round trip to each connected peer, in microseconds, as measured here and now. */
  links(): Readonly<Record<string, number>>
  /** Members held alive, for the planner; the same object while nothing of it has changed. */
  snapshot(): Snapshot
  readonly incarnation: number
  /** Of the document as it would be sent to a newcomer. */
  documentBytes(): number
  close(): Promise<void>
}

export interface MembershipDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** A number above `atLeast`, persisted before it returns. Default: the next one. */
  nextIncarnation?(atLeast: number): number | Promise<number>
  /** The account of neighbours' faults. Default: one of membership's own. */
  readonly conduct?: Conduct
}

export function createMembership(
  dependencies: MembershipDependencies,
  options: MembershipOptions,
): Membership {
  const { transport, clock, random, logger } = dependencies
  const changeListeners = new Set<() => void>()
  const eventListeners = new Set<(event: MembershipEvent) => void>()
  const loads = new Map<string, BeatLoad>()
  /** What listeners were last told of a peer: its incarnation while it is here. */
  const present = new Map<string, number>()
  const raisedByMs = new Map<string, number>()
  let timer: Timer | undefined
  const standstill = createStandstill(clock, options.beatIntervalMs)
  const linkWords = createLinkWords()
  const snapshotOf = createSnapshots()
  let raising = false
  let restoring = false
  let closed = false

  const changed = (): void => {
    for (const listener of changeListeners) listener()
  }
  const emit = (event: MembershipEvent): void => {
    logger.debug(event.type, event)
    for (const listener of eventListeners) listener(event)
  }

  const detector = createDetector(
    {
      clock,
      beforeNews: () => noticeStandstill(),
      dialBack: (peer, signal) => mesh.reach(peer, signal),
      onTransition(peer, _before, after) {
        if (after.liveness === 'suspect')
          emit({ type: 'peer-suspected', peer, incarnation: after.incarnation })
        review(peer)
      },
    },
    options,
  )
  const livenessOfPeer = (record: MemberRecord): Liveness =>
    record.peerId === transport.peerId
      ? record.state === 'left'
        ? 'left'
        : 'alive'
      : livenessOf(record.incarnation, detector.get(record.peerId))
  const replica = createReplica(
    {
      signer: transport,
      random,
      isGone(peer) {
        const liveness = detector.get(peer)?.liveness
        return liveness === 'dead' || liveness === 'left'
      },
    },
    options.document,
    options.rotateAtBytes,
  )
  const self = createSelf(
    { peerId: transport.peerId, signer: transport, replica, addresses: () => transport.addresses() },
    options.document,
    options.incarnation,
  )
  const mesh = createMesh(
    {
      transport,
      clock,
      random,
      logger,
      peers: () => replica.roster.all().map(({ record }) => ({ record, liveness: livenessOfPeer(record) })),
    },
    { neighboursMax: options.neighboursMax, dialMs: options.dialBackMs },
  )

  /** Compares what listeners know of a peer with what is so now. */
  const review = (peer: string): void => {
    const record = replica.roster.get(peer)?.record
    if (record === undefined || peer === transport.peerId) return
    const liveness = livenessOfPeer(record)
    const here = liveness === 'alive' || liveness === 'suspect'
    const known = present.get(peer)
    if (known !== undefined && (!here || known !== record.incarnation)) {
      present.delete(peer)
      loads.delete(peer)
      const left = liveness === 'left' && known === record.incarnation
      emit({ type: left ? 'peer-left' : 'peer-dead', peer, incarnation: known })
    }
    if (here && known !== record.incarnation) {
      present.set(peer, record.incarnation)
      emit({ type: 'peer-joined', peer, incarnation: record.incarnation })
    }
    changed()
  }

  const say = async (patch: Announcement & { readonly links?: MemberRecord['links'] }): Promise<void> => {
    const update = await self.announce(patch)
    if (update === undefined || closed) return
    neighbours.flood({ type: 'update', document: replica.name, update }, [])
    changed()
  }

  /** Our record is gone from the document, or it rotated: only we may write it again. */
  const restore = async (): Promise<void> => {
    if (restoring || closed) return
    restoring = true
    try {
      await say({})
    } catch (error) {
      logger.error('member-record-failed', { reason: messageOf(error) })
    } finally {
      restoring = false
    }
    if (!replica.shows(self.sealed)) await restore()
  }

  const raise = async (
    cause: Extract<MembershipEvent, { type: 'self-expired' }>['cause'],
    atLeast: number,
  ): Promise<void> => {
    if (raising || closed) return
    raising = true
    try {
      const incarnation = self.incarnation
      const next = Math.max(atLeast + 1, (await dependencies.nextIncarnation?.(atLeast)) ?? 0)
      logger.info('incarnation-raised', { cause, from: incarnation, to: next })
      emit({ type: 'self-expired', incarnation, next, cause })
      self.raise(next)
      await say({})
      await gossip.beat()
    } catch (error) {
      logger.error('incarnation-failed', { reason: messageOf(error) })
    } finally {
      raising = false
    }
  }

  const gossip = createGossip(
    {
      ...dependencies,
      signer: transport,
      replica,
      self,
      detector,
      neighbours: () => neighbours,
      standstill,
      onRecord({ record }) {
        if (record.peerId === transport.peerId) {
          // Our key has said more than we remember: an earlier life with a lost number, or a second process.
          if (record.incarnation >= self.incarnation) void raise('older-record', record.incarnation)
          return
        }
        transport.learn(record.peerId, record.addresses)
        detector.apply(record.peerId, {
          type: 'record-seen',
          incarnation: record.incarnation,
          left: record.state === 'left',
          atMs: clock.nowMs(),
        })
        review(record.peerId)
      },
      onBeat(peer, { sessions, busyPermille }) {
        loads.set(peer, { sessions, busyPermille })
      },
      onHeldDead(neighbour, incarnation) {
        noticeStandstill()
        // A neighbour that lies can cost us one incarnation in a lease, no more.
        if (
          incarnation !== self.incarnation ||
          clock.nowMs() < (raisedByMs.get(neighbour) ?? Number.NEGATIVE_INFINITY) + options.leaseMs
        )
          return
        raisedByMs.set(neighbour, clock.nowMs())
        void raise('held-dead', self.incarnation)
      },
      onGhost: () => mesh.retryDead(),
      onOverwritten: () => void restore(),
    },
    options.document,
    options,
  )

  const neighbours: Neighbours = createNeighbours(
    {
      transport,
      clock,
      logger,
      conduct: dependencies.conduct ?? createConduct(clock),
      onReady(peer) {
        gossip
          .greet(peer)
          .catch((error: unknown) => logger.error('greeting-failed', { peer, reason: messageOf(error) }))
        if (detector.get(peer)?.liveness === 'dead') mesh.retryDead()
      },
      onGone: (peer) => detector.apply(peer, { type: 'connection-lost', atMs: clock.nowMs() }),
      onShutOut: (peer, why) => emit({ type: 'peer-shut-out', peer, why }),
      onMessage: (peer, message) => gossip.receive(peer, message),
    },
    { openMs: options.dialBackMs },
  )

  const noticeStandstill = (): void => {
    if (timer === undefined) return
    const gapMs = standstill.takeMs()
    if (gapMs === 0) return
    detector.paused(gapMs)
    if (gapMs > options.leaseMs && self.sealed !== undefined) void raise('stood-still', self.incarnation)
  }

  const turn = (): void => {
    timer = clock.after(options.beatIntervalMs, turn, { background: true })
    noticeStandstill()
    standstill.turn()
    if (!raising) void gossip.beat()
    detector.tick()
    gossip.tick()
    neighbours.maintain()
    mesh.tick()
    announceLinks()
  }

  const announceLinks = (): void => {
    const said = self.sealed?.record
    if (said === undefined || said.state === 'left') return
    const links = linkWords.next(mesh.links(), said.links)
    if (links === null) return
    say({ links }).catch((error: unknown) =>
      logger.error('member-record-failed', { reason: messageOf(error) }),
    )
  }

  return {
    start() {
      if (timer !== undefined || closed) return
      standstill.turn()
      neighbours.maintain()
      turn()
    },
    announce: (patch) => say(patch),
    setLoad(load) {
      self.load = load
    },
    leave: () => (self.sealed === undefined ? Promise.resolve() : say({ state: 'left', span: null })),
    members: () =>
      replica.roster.all().map(({ record }) => ({
        record,
        liveness: livenessOfPeer(record),
        load: record.peerId === transport.peerId ? self.load : (loads.get(record.peerId) ?? null),
      })),
    onChange(listener) {
      changeListeners.add(listener)
      return () => changeListeners.delete(listener)
    },
    onEvent(listener) {
      eventListeners.add(listener)
      return () => eventListeners.delete(listener)
    },
    links: () => mesh.links(),
    snapshot: () =>
      snapshotOf(
        replica.roster
          .all()
          .filter(({ record }) => livenessOfPeer(record) === 'alive')
          .map(({ record }) => record),
      ),
    get incarnation() {
      return self.incarnation
    },
    documentBytes: () => replica.byteLength(),
    async close() {
      closed = true
      timer?.cancel()
      mesh.close()
      detector.close()
      await neighbours.close()
      replica.close()
    },
  }
}
