import type { Clock, Logger, MemoryBudget } from '@shoal/host'
import { protocols } from '@shoal/protocol'
import type { Transport } from '@shoal/network'
import type { BlockRunner } from '@shoal/runtime'
import { createPeerChannels, type PeerChannels } from '../channels/peer-channels.ts'
import { sessionTimes, type SessionTimes } from '../route/limits.ts'
import { nameBlocks } from '../route/stage-error.ts'
import { createAccept } from './accept-channels.ts'
import { createHandOverDesk } from './hand-over/desk.ts'
import { KeptSessions } from './kept/kept-sessions.ts'
import { PrefixDesk } from './kept/prefix-desk.ts'
import { promisedTo } from './opening/tenancy.ts'
import type { StagePeers } from './opening/opening-context.ts'
import { createRoomQueue } from './opening/room-queue.ts'
import { createRunnerQueues } from './runner-queues.ts'
import { InboundChannels } from './inbound-channels.ts'
import { ServedSpans } from './served-spans.ts'
import { StageMessages } from './stage-messages.ts'
import { StageTable, type StageEvent } from './stage-table.ts'
import type { Stage } from './stage.ts'

export interface StageHostDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

export interface StageHostOptions {
  readonly manifestId: string
  /** Short name of the numeric profile, as `formatProfile` prints it. */
  readonly profile: string
  /** Read for each session that is opened: both may change while the node runs. */
  readonly numericClass: string
  readonly incarnation: number
  readonly times?: Partial<SessionTimes>
  /** Free parts of it hold rows of closed sessions until somebody needs them; without it no rows are kept. */
  readonly memory?: MemoryBudget
  /** What the node knows of other peers; absent where all are trusted. */
  readonly peers?: StagePeers
  onEvent?(event: StageEvent): void
}

export interface StageMemory {
  readonly sessions: number
  readonly journalBytes: number
  /** Bytes to which the journals of open sessions may grow. */
  readonly journalReservedBytes: number
  /** Rows of closed sessions. */
  readonly keptBytes: number
}

/** Serves sessions of the spans that this node holds. */
export interface StageHost {
  /** The spans served from now on. Sessions of a span that is gone fail (definite), so let it become idle first. */
  setRunners(runners: readonly BlockRunner[]): Promise<void>
  /**
   * While draining, new sessions are refused with a definite `not-ready`; open ones go on, and their coordinators are
   * asked to move them to other peers.
   */
  setDraining(draining: boolean): void
  /**
   * Like `setDraining`, for the sessions of one span. A coordinator that has begun to move a session completes the move
   * even when this is taken back.
   */
  setLeaving(runner: BlockRunner, leaving: boolean): void
  /** Number of open sessions of one runner, or of all runners. */
  sessions(runner?: BlockRunner): number
  /** Resolves when no session of `runner` (or of any) is open. */
  whenIdle(signal: AbortSignal, runner?: BlockRunner): Promise<void>
  memory(): StageMemory
  close(): Promise<void>
}

const trustedPeers: StagePeers = {
  standing: () => 'self',
  account: (peer) => peer,
  addresses: (_peer, named) => named,
}

export function createStageHost(dependencies: StageHostDependencies, options: StageHostOptions): StageHost {
  const { transport, logger, clock } = dependencies
  const times: SessionTimes = { ...sessionTimes, ...options.times }
  const { peers = trustedPeers } = options
  const onEvent = (event: StageEvent): void => options.onEvent?.(event)
  const spans = new ServedSpans(options)
  const room = createRoomQueue(clock)
  const table = new StageTable({
    clock,
    logger,
    times,
    onEvent,
    onIdle: (stage) =>
      stage.fail({
        step: null,
        code: 'deadline-passed',
        message: `nothing was computed for ${times.idleMs / 1000} s`,
        definite: true,
      }),
    onFreed: () => room.changed(),
  })
  const kept = new KeptSessions({
    clock,
    memory: options.memory,
    journalBytes: () => promisedTo(table.list()).journalBytes,
    keptMs: times.keptMs,
  })
  const stays = ({ runner }: Stage): boolean =>
    spans.serves(runner) && !spans.isLeaving(runner) && (runner.ranks ?? 1) === 1
  const prefixes = new PrefixDesk({ table, kept, logger, stays })
  const inbound = new InboundChannels()
  const hops = createPeerChannels(dependencies, {
    connectTimeoutMs: times.connectTimeoutMs,
    lingerMs: times.lingerMs,
    receive: (peer, frame) => messages.receiveFromHop(peer, frame),
    lost(peer, error) {
      for (const stage of table.list()) if (stage.hop?.peer === peer) stage.nextLost(error)
    },
  })
  const messages = new StageMessages({
    table,
    prefixes,
    handOvers: createHandOverDesk({ table, hops, peers, logger, onEvent }),
    opening: {
      queues: createRunnerQueues(),
      table,
      room,
      roomWaitMs: times.roomWaitMs,
      hops,
      prefixes,
      peers,
      logger,
      peerId: transport.peerId,
      sign: (bytes) => transport.sign(bytes),
      now: options,
      onEvent,
      offer: () => spans.offer,
      admitSendersOf: (stage) => inbound.admitSendersOf(stage),
      opened(stage) {
        // The session was asked for before the node, or the span, began to leave.
        if (spans.isLeaving(stage.runner)) askToMove(stage, table)
      },
    },
  })
  transport.handle(protocols.session, createAccept({ table, inbound, spans, messages, logger }))
  transport.onDisconnect((peer) => table.lost(peer))
  return new ServingHost(spans, table, hops, kept)
}

class ServingHost implements StageHost {
  readonly #spans: ServedSpans
  readonly #table: StageTable
  readonly #hops: PeerChannels
  readonly #kept: KeptSessions

  constructor(spans: ServedSpans, table: StageTable, hops: PeerChannels, kept: KeptSessions) {
    this.#spans = spans
    this.#table = table
    this.#hops = hops
    this.#kept = kept
  }

  async setRunners(runners: readonly BlockRunner[]): Promise<void> {
    this.#spans.setRunners(runners)
    this.#kept.retain((runner) => this.#spans.serves(runner))
    for (const stage of this.#table.list()) {
      if (this.#spans.serves(stage.runner)) continue
      await turnAway(stage, this.#table, `this node no longer holds ${nameBlocks(stage)}`)
    }
  }

  setDraining(draining: boolean): void {
    this.#spans.setDraining(draining)
    if (draining) this.#kept.retain(() => false)
    if (draining) for (const stage of this.#table.list()) askToMove(stage, this.#table)
  }

  setLeaving(runner: BlockRunner, leaving: boolean): void {
    if (!this.#spans.setLeaving(runner, leaving)) return
    this.#kept.retain((other) => other !== runner)
    for (const stage of this.#table.list(runner)) askToMove(stage, this.#table)
  }

  sessions(runner?: BlockRunner): number {
    return this.#table.list(runner).filter((stage) => stage.reserved).length
  }

  whenIdle(signal: AbortSignal, runner?: BlockRunner): Promise<void> {
    return this.#table.whenIdle(signal, runner)
  }

  memory(): StageMemory {
    const stages = this.#table.list()
    return {
      sessions: this.sessions(),
      journalBytes: stages.reduce((sum, { session }) => sum + session.journal.bytes, 0),
      journalReservedBytes: promisedTo(stages).journalBytes,
      keptBytes: this.#kept.bytes,
    }
  }

  async close(): Promise<void> {
    this.#spans.close()
    for (const stage of this.#table.list()) await turnAway(stage, this.#table, 'this node is closing')
    this.#table.close()
    this.#kept.close()
    await this.#hops.close()
  }
}

/** Asks the coordinator of an open session to move it. One that waits for room is refused: it may find room elsewhere. */
function askToMove(stage: Stage, table: StageTable): void {
  if (stage.opened) stage.owner.outbox.post({ type: 'leaving', session: stage.id, start: stage.start })
  else if (!stage.reserved) void turnAway(stage, table, 'this node is leaving and takes no new sessions')
}

/** Ends a session here with an answer to its coordinator. */
function turnAway(stage: Stage, table: StageTable, message: string): Promise<void> {
  stage.fail({ step: null, code: 'not-ready', message, definite: true })
  return table.free(stage)
}
