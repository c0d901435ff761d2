import { messageOf, ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { memberLimits } from './limits.ts'
import type { Links } from './links.ts'
import type { Liveness } from './liveness.ts'
import type { MemberRecord } from './record.ts'
import { shuffled } from './shuffled.ts'

/** Keeps this peer connected to others, so that floods reach everybody and a partition heals from either side. */
export interface Mesh {
  /** One round: strengthen the mesh, try one that is dead, measure one link. */
  tick(): void
  /** A dead peer answered: its side of a partition may be back, so all dead ones are tried now. */
  retryDead(): void
  /** @throws {Error} when it is refused, or with the signal */
  reach(peer: string, signal: AbortSignal): Promise<void>
  /** Smallest recent round trip to each member, of links measured three times. Clients are on no plan and in no word of ours. */
  links(): Links
  close(): void
}

export interface MeshDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly peers: () => readonly { readonly record: MemberRecord; readonly liveness: Liveness }[]
}

/** Round trips kept per link: the smallest of eight is one without queueing, and an improvement still shows soon. */
const samplesKept = 8
/** Before a link is told: the first reading pays for what is done once, one of two others may be disturbed. */
const samplesNeeded = 3

export function createMesh(
  { transport, clock, random, logger, peers }: MeshDependencies,
  options: { readonly neighboursMax: number; readonly dialMs: number },
): Mesh {
  const dialling = new Map<string, AbortController>()
  const samples = new Map<string, number[]>()
  let waiting: string[] = []
  let next = 0

  const reach = async (peer: string, signal: AbortSignal): Promise<void> => {
    const known = peers().find(({ record }) => record.peerId === peer)
    if (known !== undefined) transport.learn(peer, known.record.addresses)
    const rttMs = await transport.ping(peer, { signal })
    const kept = [...(samples.get(peer) ?? []), Math.max(1, Math.round(rttMs * 1000))].slice(-samplesKept)
    samples.set(peer, kept)
  }

  const dial = async (peer: string): Promise<void> => {
    const controller = new AbortController()
    dialling.set(peer, controller)
    const timer = clock.after(options.dialMs, () =>
      controller.abort(new ShoalError('deadline-passed', `${peer} did not answer`)),
    )
    try {
      // A new link is measured at once so often as it takes: its first word should be one that stays.
      do await reach(peer, controller.signal)
      while (isFresh(peer))
    } catch (error) {
      logger.debug('dial-failed', { peer, reason: messageOf(error) })
    } finally {
      timer.cancel()
      dialling.delete(peer)
      startWaiting()
    }
  }

  const startWaiting = (): void => {
    while (dialling.size < memberLimits.maxDialsAtOnce) {
      const peer = waiting.shift()
      if (peer === undefined) return
      if (!dialling.has(peer)) void dial(peer)
    }
  }

  const isFresh = (peer: string): boolean => (samples.get(peer)?.length ?? 0) < samplesNeeded

  const apart = (liveness: Liveness): string[] => {
    const connected = new Set(transport.connected())
    return peers()
      .filter(
        (peer) =>
          peer.liveness === liveness &&
          peer.record.peerId !== transport.peerId &&
          !connected.has(peer.record.peerId),
      )
      .map(({ record }) => record.peerId)
  }

  const enqueue = (peer: string | undefined): void => {
    if (peer !== undefined && !waiting.includes(peer)) waiting.push(peer)
  }

  return {
    tick() {
      // Clients and peers of other swarms are connected too: they are no part of this mesh, and nobody plans with their links.
      const members = new Set(peers().map(({ record }) => record.peerId))
      const connected = transport.connected().filter((peer) => members.has(peer))
      for (const peer of samples.keys()) if (!connected.includes(peer)) samples.delete(peer)
      const room = options.neighboursMax - connected.length
      for (const peer of shuffled(apart('alive'), random).slice(0, Math.max(0, room))) enqueue(peer)
      enqueue(shuffled(apart('dead'), random)[0])
      // Few links a round, the new ones first: measuring must not load the links it measures.
      const fresh = connected.filter(isFresh)
      const turn = connected.length === 0 ? undefined : connected[(next += 1) % connected.length]
      for (const peer of [...fresh.slice(0, memberLimits.maxDialsAtOnce), turn]) enqueue(peer)
      startWaiting()
    },
    retryDead() {
      for (const peer of shuffled(apart('dead'), random)) enqueue(peer)
      startWaiting()
    },
    reach,
    links() {
      const members = new Set(peers().map(({ record }) => record.peerId))
      return Object.fromEntries(
        [...samples]
          .filter(([peer, kept]) => kept.length >= samplesNeeded && members.has(peer))
          .map(([peer, kept]) => [peer, Math.min(...kept)]),
      )
    },
    close() {
      waiting = []
      for (const controller of dialling.values())
        controller.abort(new ShoalError('cancelled', 'membership is closing'))
    },
  }
}
