import {
  createSerialQueue,
  messageOf,
  ShoalError,
  type Clock,
  type Logger,
  type SerialQueue,
} from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeSession, hiddenRows, protocols, type Step } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { createHandOverDesk } from './hand-over/desk.ts'
import { sessionTimes, type SessionTimes } from '../route/limits.ts'
import { createOutbox, type Outbox } from '../channels/outbox.ts'
import { createPeerChannels } from '../channels/peer-channels.ts'
import { nameBlocks } from '../route/stage-error.ts'
import { promisedTo } from './opening/make-stage.ts'
import { openStage } from './opening/open-stage.ts'
import { nextLost, reportFailure, reportNext } from './steps/output.ts'
import { createRoomQueue } from './opening/room-queue.ts'
import { createStageTable, type Stage, type StageEvent } from './stage-table.ts'

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
  onEvent?(event: StageEvent): void
}

export interface StageMemory {
  readonly sessions: number
  readonly journalBytes: number
  /** What the journals of open sessions may grow to. */
  readonly journalReservedBytes: number
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
  /** The same for the sessions of one span. A coordinator that has begun to move one does so also when this is taken back. */
  setLeaving(runner: BlockRunner, leaving: boolean): void
  /** Open sessions, of one runner or of all. */
  sessions(runner?: BlockRunner): number
  /** Resolves when no session of `runner` (or of any) is open. */
  whenIdle(signal: AbortSignal, runner?: BlockRunner): Promise<void>
  memory(): StageMemory
  close(): Promise<void>
}

export function createStageHost(dependencies: StageHostDependencies, options: StageHostOptions): StageHost {
  const { transport, logger } = dependencies
  const { manifestId, profile } = options
  const times: SessionTimes = { ...sessionTimes, ...options.times }
  let runners: readonly BlockRunner[] = []
  let draining = false
  const leaving = new Set<BlockRunner>()
  let closed = false

  const onEvent = (event: StageEvent): void => options.onEvent?.(event)
  const room = createRoomQueue(dependencies.clock)
  const table = createStageTable(dependencies, times, onEvent, () => room.changed())
  const hops = createPeerChannels(dependencies, {
    connectTimeoutMs: times.connectTimeoutMs,
    lingerMs: times.lingerMs,
    receive: (peer, frame) => receiveFromHop(peer, frame),
    lost(peer, error) {
      for (const stage of table.list()) if (stage.hop?.outbox.peer === peer) nextLost(stage, error)
    },
  })
  const handOvers = createHandOverDesk({ table, hops, logger, onEvent })
  const reservations = new WeakMap<BlockRunner, SerialQueue>()
  const opening = {
    inTurn<Value>(runner: BlockRunner, work: () => Promise<Value>): Promise<Value> {
      const queue = reservations.get(runner) ?? createSerialQueue()
      reservations.set(runner, queue)
      return queue.run(work)
    },
    table,
    room,
    roomWaitMs: times.roomWaitMs,
    hops,
    logger,
    peerId: transport.peerId,
    now: options,
    onEvent,
    offer: () => ({
      manifestId,
      profile,
      runners: runners.filter((runner) => !leaving.has(runner)),
      draining: draining || closed,
    }),
    // Asked for before this node was told to leave.
    opened: (stage: Stage) => {
      if (draining || leaving.has(stage.runner)) askToMove(stage)
    },
  }

  const receive = (outbox: Outbox, frame: Uint8Array): Promise<void> | void => {
    const { message, payload } = decodeSession(frame)
    const { peer } = outbox
    table.heard(peer)
    switch (message.type) {
      case 'open':
        return openStage(opening, outbox, message)
      case 'step':
        return receiveStep(outbox, message, payload)
      case 'close':
        for (const stage of table.owner(peer)?.stages ?? []) {
          if (stage.id !== message.session || (message.start !== null && message.start !== stage.start))
            continue
          handOvers.closing(stage)
          void table.free(stage)
        }
        return
      case 'replay': {
        const stage = table.find(message.session, message.start)
        if (stage?.owner.peer === peer) return stage.session.replay(message)
        return
      }
      case 'keep-alive': {
        const owner = table.owner(peer)
        if (owner !== undefined) owner.outbox = outbox
        return
      }
      case 'hand-over':
      case 'let-go':
        handOvers.receive(peer, message)
        return
      case 'key-values':
      case 'key-values-end': {
        const restore = table.find(message.session, message.start)?.restore
        // From nobody else, and not for an earlier attempt.
        if (restore?.peer !== peer || restore.epoch !== message.epoch) return
        return message.type === 'key-values'
          ? restore.receive(message, payload)
          : restore.end(message, payload)
      }
      case 'opened':
      case 'result':
      case 'failed':
      case 'leaving':
      case 'handed-over':
        throw new ShoalError('bad-frame', `'${message.type}' is for coordinators, not for a stage`)
    }
  }

  /** An open session is asked to move; one that still waits for room had better look elsewhere. */
  const askToMove = (stage: Stage): void => {
    if (stage.opened) stage.owner.outbox.post({ type: 'leaving', session: stage.id, start: stage.start })
    else if (!stage.reserved) void turnAway(stage, 'this node is leaving and takes no new sessions')
  }

  const turnAway = (stage: Stage, message: string): Promise<void> => {
    reportFailure(stage, { step: null, code: 'not-ready', message, definite: true })
    return table.free(stage)
  }

  const receiveStep = (outbox: Outbox, message: Step, payload: Uint8Array): Promise<void> | void => {
    const { session, start, epoch, step, rows } = message
    const stage = table.find(session, start)
    // A stranger learns nothing about whose sessions are here.
    if (stage === undefined || !stage.opened || stage.session.previous !== outbox.peer) {
      const sentence = `no session ${session} at block ${start} takes steps from you`
      outbox.post({
        type: 'failed',
        session,
        start,
        epoch,
        step,
        code: 'unknown-session',
        message: sentence,
        definite: true,
      })
      return
    }
    try {
      return stage.session.receive(message, hiddenRows(payload, rows, stage.runner.hiddenSize))
    } catch (error) {
      reportFailure(stage, {
        step,
        code: 'bad-frame',
        message: `mis-shaped hidden states from ${outbox.peer}: ${messageOf(error)}`,
        definite: true,
      })
    }
  }

  /** A next hop that does not know a session says so on the channel to it; its coordinator is told by us. */
  const receiveFromHop = (peer: string, frame: Uint8Array): void => {
    const { message } = decodeSession(frame)
    if (message.type !== 'failed')
      throw new ShoalError('bad-frame', `'${message.type}' does not come from a next hop`)
    for (const stage of table.list()) {
      // An answer to what an older route brought there says nothing about this one.
      if (message.epoch !== stage.session.epoch) continue
      if (stage.id === message.session && stage.end === message.start && stage.session.next.peer === peer)
        reportNext(stage, message)
    }
  }

  const accept = (channel: Channel): void => {
    if (closed) {
      channel.abort(new ShoalError('not-ready', 'this node is closing'))
      return
    }
    const outbox = createOutbox(channel, logger)
    channel.onFrame((frame) => {
      try {
        return receive(outbox, frame)
      } catch (error) {
        // Bytes that are no message: nothing behind them can be trusted either.
        logger.warn('frame-refused', { peer: channel.remotePeer, reason: messageOf(error) })
        // It would say that we are gone: its coordinators hear first what it sent.
        for (const stage of table.list()) {
          if (stage.session.previous === outbox.peer)
            reportFailure(stage, {
              step: null,
              code: 'bad-frame',
              message: `${outbox.peer} sent what is no message`,
              definite: true,
            })
        }
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
    channel.onClose(() => {
      if (table.owner(channel.remotePeer)?.outbox === outbox) table.lost(channel.remotePeer)
    })
  }

  transport.handle(protocols.session, accept)
  transport.onDisconnect((peer) => table.lost(peer))

  return {
    async setRunners(next) {
      runners = [...next]
      for (const runner of leaving) if (!runners.includes(runner)) leaving.delete(runner)
      for (const stage of table.list()) {
        if (runners.includes(stage.runner)) continue
        await turnAway(stage, `this node no longer holds ${nameBlocks(stage)}`)
      }
    },
    setDraining(value) {
      draining = value
      if (draining) for (const stage of table.list()) askToMove(stage)
    },
    setLeaving(runner, value) {
      if (!value) leaving.delete(runner)
      else if (!leaving.has(runner)) {
        leaving.add(runner)
        for (const stage of table.list(runner)) askToMove(stage)
      }
    },
    sessions: (runner) => table.list(runner).filter((stage) => stage.reserved).length,
    whenIdle: (signal, runner) => table.whenIdle(signal, runner),
    memory: () => ({
      sessions: table.list().filter((stage) => stage.reserved).length,
      journalBytes: table.list().reduce((sum, stage) => sum + stage.session.journal.bytes, 0),
      journalReservedBytes: promisedTo(table.list()).journalBytes,
    }),
    async close() {
      closed = true
      for (const stage of table.list()) {
        await turnAway(stage, 'this node is closing')
      }
      table.close()
      await hops.close()
    },
  }
}
