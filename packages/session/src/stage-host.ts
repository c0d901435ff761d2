import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeSession, encodeSession, hiddenRows, protocols, type OpenSession, type SessionFailed, type SessionMessage, type Step } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { admit, overMemory } from './admission.ts'
import { createAnswers } from './answers.ts'
import { throwIfAborted } from './cancel.ts'
import { bytesOf } from './hidden-states.ts'
import { createLeases } from './lease.ts'
import { sessionTimes, type SessionTimes } from './limits.ts'
import { createPeerChannels, type ChannelUse } from './peer-channels.ts'
import { nameBlocks } from './stage-error.ts'
import { createStageSession, type StageOutlet, type StageSession } from './stage-session.ts'

export interface StageHostDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

export interface StageHostOptions {
  readonly manifestId: string
  /** Short name of the numeric profile, as `formatProfile` prints it. */
  readonly profile: string
  readonly numericClass: string
  readonly incarnation: number
  readonly times?: Partial<SessionTimes>
  onEvent?(event: StageEvent): void
}

export interface StageEvent {
  readonly event: 'session-opened' | 'session-closed'
  readonly session: string
  /** The coordinator. */
  readonly peer: string
}

export interface StageMemory {
  readonly sessions: number
  readonly journalBytes: number
  /** What the journals of open sessions may grow to. */
  readonly journalReservedBytes: number
}

/** Serves sessions of the spans that this node holds. */
export interface StageHost {
  /** The spans served from now on. Sessions of a span that is gone fail (definite), so drain it first. */
  setRunners(runners: readonly BlockRunner[]): Promise<void>
  /** While draining, new sessions are refused with a definite `not-ready`; open ones go on. */
  setDraining(draining: boolean): void
  /** Open sessions, of one runner or of all. */
  sessions(runner?: BlockRunner): number
  /** Resolves when no session of `runner` (or of any) is open. */
  whenIdle(signal: AbortSignal, runner?: BlockRunner): Promise<void>
  memory(): StageMemory
  close(): Promise<void>
}

/** A coordinator with sessions here. */
interface Owner {
  readonly peer: string
  /** The channel it spoke on last: results and failures go there. */
  channel: Channel
  readonly stages: Set<Stage>
}

interface Stage {
  readonly key: string
  readonly id: string
  readonly start: number
  readonly end: number
  readonly owner: Owner
  readonly runner: BlockRunner
  readonly session: StageSession
  /** Aborted when the stage is freed: ends whatever still opens. */
  readonly freed: AbortController
  opened: boolean
  hop: ChannelUse | null
}

const keyOf = (session: string, start: number): string => `${session}/${start}`

export function createStageHost(dependencies: StageHostDependencies, options: StageHostOptions): StageHost {
  const { transport, clock, logger } = dependencies
  const times: SessionTimes = { ...sessionTimes, ...options.times }
  const answer = createAnswers(logger)
  const owners = new Map<string, Owner>()
  const stages = new Map<string, Stage>()
  const idleWaiters = new Set<() => void>()
  let runners: readonly BlockRunner[] = []
  let draining = false
  let closed = false

  const leases = createLeases(clock, times, (peer) => {
    const owner = owners.get(peer)
    if (owner === undefined) return
    logger.info('lease-expired', { peer, sessions: owner.stages.size })
    for (const stage of [...owner.stages]) void free(stage)
  })

  const hops = createPeerChannels(dependencies, {
    connectTimeoutMs: times.connectTimeoutMs,
    lingerMs: times.lingerMs,
    receive: (peer, frame) => receiveFromHop(peer, frame),
    lost: (peer, error) => {
      for (const stage of stages.values()) {
        if (stage.hop === null || stage.session.next.peer !== peer) continue
        stage.hop.release()
        stage.hop = null
        failNext(stage, { step: null, code: 'peer-vanished', message: error === undefined ? 'it closed its channel' : messageOf(error), definite: false })
      }
    },
  })

  // ---------------------------------------------------------------- what a stage sends

  const fail = (stage: Stage, failure: Pick<SessionFailed, 'step' | 'code' | 'message' | 'definite'>): void => {
    answer(stage.owner.channel, { type: 'failed', session: stage.id, start: stage.start, epoch: stage.session.epoch, ...failure })
  }

  /** About the stage after this one, which cannot say it itself. */
  const failNext = (stage: Stage, failure: Pick<SessionFailed, 'step' | 'code' | 'message' | 'definite'>): void => {
    const start = stage.session.next.coordinator ? stage.start : stage.end
    answer(stage.owner.channel, { type: 'failed', session: stage.id, start, epoch: stage.session.epoch, ...failure })
  }

  const push = async (stage: Stage, frame: Step, rows: readonly Float32Array[]): Promise<void> => {
    const { epoch, next } = stage.session
    if (next.coordinator) {
      const wanted = wantedRows(frame, rows, stage.runner.hiddenSize)
      const count = frame.want === 'none' ? 0 : frame.want === 'last' ? 1 : frame.rows
      const result = encodeSession({ type: 'result', session: stage.id, epoch, position: frame.position, rows: count, step: frame.step })
      await stage.owner.channel.send(...result, ...wanted.map(bytesOf))
      return
    }
    // The loss of the next hop has been reported; the journal keeps the rows for whoever replaces it.
    if (stage.hop === null) return
    await stage.hop.channel.send(...encodeSession({ ...frame, epoch, start: stage.end }), ...rows.map(bytesOf))
  }

  // ---------------------------------------------------------------- open and free

  const openStage = async (channel: Channel, request: OpenSession): Promise<void> => {
    const refuse = (code: SessionFailed['code'], message: string, definite = true): void =>
      answer(channel, { type: 'failed', session: request.session, start: request.start, epoch: request.epoch, step: null, code, message, definite })

    const existing = stages.get(keyOf(request.session, request.start))
    if (existing !== undefined) {
      await moveStage(existing, channel, request, refuse)
      return
    }
    const owner = owners.get(channel.remotePeer) ?? { peer: channel.remotePeer, channel, stages: new Set() }
    const admission = admit(
      { manifestId: options.manifestId, profile: options.profile, runners, draining: draining || closed, sessions: stages.size, sessionsOfPeer: owner.stages.size },
      request,
    )
    if (admission.kind === 'refused') {
      refuse(admission.code, admission.message)
      return
    }
    const stage = admitStage(owner, channel, request, admission.runner)
    const { signal } = stage.freed
    try {
      await stage.runner.open(stage.key, request.tokenBudget)
      throwIfAborted(signal)
      const over = overMemory(stage.runner.memory(), journalReservedBytes(stage.runner))
      if (over !== null) throw new ShoalError('no-capacity', over)
      if (!request.next.coordinator) stage.hop = await hops.use(request.next.peer, request.next.addresses, signal)
      throwIfAborted(signal)
      stage.opened = true
      answer(owner.channel, openedMessage(stage))
      logger.info('session-opened', { session: stage.id, peer: owner.peer, blocks: nameBlocks(stage) })
      options.onEvent?.({ event: 'session-opened', session: stage.id, peer: owner.peer })
    } catch (error) {
      if (signal.aborted) {
        // Closed while the runner was still opening it: only now is there something to free.
        await stage.runner.close(stage.key)
        return
      }
      // Before the answer, so that whoever is told finds the memory free.
      await free(stage)
      refuse(error instanceof ShoalError ? error.code : 'internal', messageOf(error), error instanceof ShoalError && error.definite)
    }
  }

  const admitStage = (owner: Owner, channel: Channel, request: OpenSession, runner: BlockRunner): Stage => {
    owners.set(owner.peer, owner)
    owner.channel = channel
    const outlet: StageOutlet = {
      push: (frame, rows) => push(stage, frame, rows),
      fail: (step, code, message, definite) => fail(stage, { step, code, message, definite }),
    }
    const key = keyOf(request.session, request.start)
    const { tokenBudget, epoch, previous, next } = request
    const stage: Stage = {
      key,
      id: request.session,
      start: request.start,
      end: request.end,
      owner,
      runner,
      session: createStageSession({ key, runner, tokenBudget, epoch, previous, next }, outlet),
      freed: new AbortController(),
      opened: false,
      hop: null,
    }
    stages.set(key, stage)
    owner.stages.add(stage)
    leases.renew(owner.peer)
    return stage
  }

  /** A session that is open here gets a new version of its route: KV and journal stay, the neighbours change. */
  const moveStage = async (stage: Stage, channel: Channel, request: OpenSession, refuse: (code: SessionFailed['code'], message: string) => void): Promise<void> => {
    const { session } = stage
    if (stage.owner.peer !== channel.remotePeer) return refuse('bad-request', 'this session id is in use')
    if (request.epoch < session.epoch) return refuse('stale-epoch', `the session is at epoch ${session.epoch} here, not ${request.epoch}`)
    if (!stage.opened || request.epoch === session.epoch) return refuse('bad-request', `the session is open here at epoch ${session.epoch}`)
    if (request.end !== stage.end || request.manifest !== options.manifestId) return refuse('wrong-range', `the session has ${nameBlocks(stage)} here, not ${nameBlocks(request)}`)
    stage.owner.channel = channel
    leases.renew(stage.owner.peer)
    stage.hop?.release()
    stage.hop = null
    session.move(request.epoch, request.previous, request.next)
    if (!request.next.coordinator) {
      try {
        stage.hop = await hops.use(request.next.peer, request.next.addresses, stage.freed.signal)
      } catch (error) {
        if (!stage.freed.signal.aborted) refuse(error instanceof ShoalError ? error.code : 'peer-vanished', messageOf(error))
        return
      }
    }
    answer(channel, openedMessage(stage))
  }

  const openedMessage = (stage: Stage): SessionMessage => ({
    type: 'opened',
    session: stage.id,
    start: stage.start,
    epoch: stage.session.epoch,
    numericClass: options.numericClass,
    incarnation: options.incarnation,
  })

  const free = async (stage: Stage): Promise<void> => {
    if (stages.get(stage.key) !== stage) return
    stages.delete(stage.key)
    stage.owner.stages.delete(stage)
    if (stage.owner.stages.size === 0) {
      owners.delete(stage.owner.peer)
      leases.forget(stage.owner.peer)
    }
    stage.freed.abort(new ShoalError('cancelled', 'the session was closed'))
    stage.hop?.release()
    stage.hop = null
    try {
      await stage.session.close()
    } catch (error) {
      logger.error('session-not-freed', { session: stage.id, reason: messageOf(error) })
    }
    if (stage.opened) {
      logger.info('session-closed', { session: stage.id, peer: stage.owner.peer })
      options.onEvent?.({ event: 'session-closed', session: stage.id, peer: stage.owner.peer })
    }
    for (const wake of [...idleWaiters]) wake()
  }

  // ---------------------------------------------------------------- what comes in

  const receive = (channel: Channel, frame: Uint8Array): Promise<void> | void => {
    const { message, payload } = decodeSession(frame)
    const owner = owners.get(channel.remotePeer)
    if (owner !== undefined) leases.renew(owner.peer)
    switch (message.type) {
      case 'open':
        return openStage(channel, message)
      case 'step':
        return receiveStep(channel, message, payload)
      case 'close':
        for (const stage of [...(owner?.stages ?? [])]) if (stage.id === message.session) void free(stage)
        return
      case 'keep-alive':
        if (owner !== undefined) owner.channel = channel
        return
      case 'opened':
      case 'result':
      case 'failed':
        throw new ShoalError('bad-frame', `'${message.type}' is for coordinators, not for a stage`)
    }
  }

  const receiveStep = (channel: Channel, message: Step, payload: Uint8Array): Promise<void> | void => {
    const stage = stages.get(keyOf(message.session, message.start))
    // A stranger learns nothing about whose sessions are here.
    if (stage === undefined || !stage.opened || stage.session.previous !== channel.remotePeer) {
      const { session, start, epoch, step } = message
      answer(channel, { type: 'failed', session, start, epoch, step, code: 'unknown-session', message: `no session ${session} at block ${start} takes steps from you`, definite: true })
      return
    }
    let hidden: Float32Array
    try {
      hidden = hiddenRows(payload, message.rows, stage.runner.hiddenSize)
    } catch (error) {
      fail(stage, { step: message.step, code: 'bad-frame', message: `mis-shaped hidden states from ${channel.remotePeer}: ${messageOf(error)}`, definite: true })
      return
    }
    return stage.session.receive(message, hidden)
  }

  /** A next hop says on the channel to it that it does not know a session: its coordinator is told by us. */
  const receiveFromHop = (peer: string, frame: Uint8Array): void => {
    const { message } = decodeSession(frame)
    if (message.type !== 'failed') throw new ShoalError('bad-frame', `'${message.type}' does not come from a next hop`)
    for (const stage of stages.values()) {
      if (stage.id !== message.session || stage.end !== message.start || stage.session.next.peer !== peer) continue
      failNext(stage, message)
    }
  }

  transport.handle(protocols.session, (channel) => {
    if (closed) {
      channel.abort(new ShoalError('not-ready', 'this node is closing'))
      return
    }
    channel.onFrame((frame) => {
      try {
        return receive(channel, frame)
      } catch (error) {
        // Bytes that are no message: nothing behind them can be trusted either.
        logger.warn('frame-refused', { peer: channel.remotePeer, reason: messageOf(error) })
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
    channel.onClose(() => {
      if (owners.get(channel.remotePeer)?.channel === channel) leases.lost(channel.remotePeer)
    })
  })
  transport.onDisconnect((peer) => leases.lost(peer))

  // ---------------------------------------------------------------- face

  const stagesOf = (runner?: BlockRunner): Stage[] => [...stages.values()].filter((stage) => runner === undefined || stage.runner === runner)
  const journalReservedBytes = (runner?: BlockRunner): number => stagesOf(runner).reduce((sum, stage) => sum + stage.session.journalBudgetBytes, 0)

  return {
    async setRunners(next) {
      runners = [...next]
      for (const stage of stages.values()) {
        if (runners.includes(stage.runner)) continue
        fail(stage, { step: null, code: 'not-ready', message: `${nameBlocks(stage)} are no longer held here`, definite: true })
        await free(stage)
      }
    },
    setDraining(value) {
      draining = value
    },
    sessions: (runner) => stagesOf(runner).length,
    whenIdle: (signal, runner) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (stagesOf(runner).length > 0) return
          idleWaiters.delete(check)
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
        const onAbort = (): void => {
          idleWaiters.delete(check)
          reject(signal.reason)
        }
        if (signal.aborted) return onAbort()
        signal.addEventListener('abort', onAbort, { once: true })
        idleWaiters.add(check)
        check()
      }),
    memory: () => ({
      sessions: stages.size,
      journalBytes: stagesOf().reduce((sum, stage) => sum + stage.session.journal.bytes, 0),
      journalReservedBytes: journalReservedBytes(),
    }),
    async close() {
      closed = true
      for (const stage of stages.values()) {
        fail(stage, { step: null, code: 'not-ready', message: 'this node is closing', definite: true })
        await free(stage)
      }
      leases.close()
      await hops.close()
    },
  }
}

/** The rows of a step's output that the coordinator asked for. */
function wantedRows(frame: Step, rows: readonly Float32Array[], hiddenSize: number): readonly Float32Array[] {
  if (frame.want === 'none') return []
  if (frame.want === 'all') return rows
  return [rows.at(-1)!.subarray(-hiddenSize)]
}
