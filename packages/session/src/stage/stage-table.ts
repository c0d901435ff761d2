import { messageOf, onAbort, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { BlockRunner } from '@shoal/runtime'
import { createLeases } from './lease.ts'
import type { SessionTimes } from '../route/limits.ts'
import type { Outbox } from '../channels/outbox.ts'
import type { ChannelUse } from '../channels/peer-channels.ts'
import type { StageHandOver } from './hand-over/send-caches.ts'
import type { StageRestore } from './hand-over/receive-caches.ts'
import type { StageSession } from './steps/stage-session.ts'

/** A coordinator with sessions here. */
export interface Owner {
  readonly peer: string
  /** The channel it spoke on last: results and failures go there. */
  outbox: Outbox
  readonly stages: Set<Stage>
}

/** A session at one span of this node. A node may hold two spans of one route, so the first block is part of the key. */
export interface Stage {
  readonly id: string
  readonly start: number
  readonly end: number
  readonly owner: Owner
  readonly runner: BlockRunner
  readonly session: StageSession
  /** Aborted when the stage is freed: ends whatever still opens. */
  readonly freed: AbortController
  /** Whether memory is reserved for it; until then it waits for room. */
  reserved: boolean
  opened: boolean
  /** The channel to the next stage; null when that is the coordinator, or when it has been lost. */
  hop: ChannelUse | null
  /** Where its keys and values come from; null when it computes all of them. */
  readonly restore: StageRestore | null
  /** Where they go, while this node gives it up. */
  handOver: StageHandOver | null
}

export interface StageEvent {
  readonly event: 'session-opened' | 'session-moved' | 'session-closed'
  readonly session: string
  /** The coordinator. */
  readonly peer: string
  /** Of `session-moved`: the peers that took the session over; absent when it stays here and has new neighbours. */
  readonly to?: readonly string[]
}

/** The sessions of a node, by id and by owner, each until it is closed or its owner's lease ends. */
export interface StageTable {
  /** Sessions, those that wait for room included. */
  readonly size: number
  /** Sessions that have ended and whose memory is not free yet. */
  readonly freeing: number
  find(session: string, start: number): Stage | undefined
  /** Of one runner, or all. */
  list(runner?: BlockRunner): readonly Stage[]
  owner(peer: string): Owner | undefined
  add(stage: Stage): void
  /** Frees KV, journal and channel. Resolves when the memory can be given to another session. */
  free(stage: Stage): Promise<void>
  /** A sign of life of an owner. */
  heard(peer: string): void
  /** The connection to an owner has ended. */
  lost(peer: string): void
  /** Resolves when no session (of `runner`) is left. */
  whenIdle(signal: AbortSignal, runner?: BlockRunner): Promise<void>
  close(): void
}

/** Also the runner's name for a session. */
export const stageKey = (session: string, start: number): string => `${session}/${start}`

export function createStageTable(
  dependencies: { readonly clock: Clock; readonly logger: Logger },
  times: Pick<SessionTimes, 'leaseMs' | 'graceMs'>,
  onEvent: (event: StageEvent) => void,
  freed: () => void,
): StageTable {
  const { clock, logger } = dependencies
  const stages = new Map<string, Stage>()
  const owners = new Map<string, Owner>()
  const idleChecks = new Set<() => void>()
  let freeing = 0

  const leases = createLeases(clock, times, (peer) => {
    const owner = owners.get(peer)
    if (owner === undefined) return
    logger.info('lease-expired', { peer, sessions: owner.stages.size })
    for (const stage of owner.stages) void free(stage)
  })

  const free = async (stage: Stage): Promise<void> => {
    const key = stageKey(stage.id, stage.start)
    if (stages.get(key) !== stage) return
    stages.delete(key)
    stage.owner.stages.delete(stage)
    if (stage.owner.stages.size === 0) {
      owners.delete(stage.owner.peer)
      leases.forget(stage.owner.peer)
    }
    stage.freed.abort(new ShoalError('cancelled', 'the session was closed'))
    stage.hop?.release()
    stage.hop = null
    freeing += 1
    try {
      await stage.session.close()
    } catch (error) {
      logger.error('session-not-freed', { session: stage.id, reason: messageOf(error) })
    } finally {
      freeing -= 1
    }
    if (stage.opened) onEvent({ event: 'session-closed', session: stage.id, peer: stage.owner.peer })
    for (const check of idleChecks) check()
    freed()
  }

  const list = (runner?: BlockRunner): readonly Stage[] =>
    [...stages.values()].filter((stage) => runner === undefined || stage.runner === runner)

  return {
    get size() {
      return stages.size
    },
    get freeing() {
      return freeing
    },
    find: (session, start) => stages.get(stageKey(session, start)),
    list,
    owner: (peer) => owners.get(peer),
    add(stage) {
      stages.set(stageKey(stage.id, stage.start), stage)
      owners.set(stage.owner.peer, stage.owner)
      stage.owner.stages.add(stage)
      leases.renew(stage.owner.peer)
    },
    free,
    heard(peer) {
      if (owners.has(peer)) leases.renew(peer)
    },
    lost: (peer) => leases.lost(peer),
    whenIdle: (signal, runner) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (list(runner).length > 0) return
          idleChecks.delete(check)
          stopListening()
          resolve()
        }
        idleChecks.add(check)
        const stopListening = onAbort(signal, () => {
          idleChecks.delete(check)
          reject(signal.reason)
        })
        check()
      }),
    close: () => leases.close(),
  }
}
