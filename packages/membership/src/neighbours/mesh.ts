import { messageOf, ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { memberLimits } from '../limits.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { MemberRecord } from '../records/record.ts'
import type { Links } from './links.ts'
import { RoundTrips } from './round-trips.ts'
import { shuffled } from './shuffled.ts'

export interface MeshDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly members: () => readonly { readonly record: MemberRecord; readonly liveness: Liveness }[]
  /** The peers that watch this one and that this one watches. */
  readonly watchers: () => ReadonlySet<string>
}

export interface MeshOptions {
  /** Members up to which this peer connects to all of them; beyond, to its watchers only. */
  readonly neighboursMax: number
  /** Most that a dial may take. */
  readonly dialMs: number
}

/** Turns between two pings of known links: a ping costs as much as a beat. */
const turnsPerMeasurement = 3

/** A link that a beat has measured so many turns ago at most is not pinged: pings are most of what an idle swarm would send. */
const measuredForTurns = 120

/**
 * Keeps this peer connected to its watchers, and in a small swarm to everybody; tries members held dead, so that a
 * partition heals from either side; and measures the links. Clients and peers of other swarms are connected too, but they
 * are no part of the mesh.
 */
export class Mesh {
  readonly #parts: MeshDependencies
  readonly #options: MeshOptions
  readonly #roundTrips = new RoundTrips()
  readonly #dialling = new Map<string, AbortController>()
  #queue: string[] = []
  /** Counts turns: every few of them the next link is measured. */
  #turns = 0
  /** The turn in which each link was measured last. */
  readonly #measuredTurn = new Map<string, number>()

  constructor(dependencies: MeshDependencies, options: MeshOptions) {
    this.#parts = dependencies
    this.#options = options
  }

  /** One round: connect to more members if there is room, try one that is dead, measure some links. */
  tick(): void {
    const { transport, random } = this.#parts
    const members = this.#memberIds()
    const connected = transport.connected().filter((peer) => members.has(peer))
    this.#roundTrips.retain(connected)
    for (const peer of shuffled(this.#missing(), random)) this.#enqueue(peer)
    this.#enqueue(shuffled(this.#unconnected('dead'), random)[0])
    // Few links a round, the new ones first: measuring must not load the links it measures.
    const fresh = connected.filter((peer) => this.#roundTrips.isFresh(peer))
    this.#turns += 1
    for (const peer of this.#measuredTurn.keys())
      if (!connected.includes(peer)) this.#measuredTurn.delete(peer)
    const turn = this.#turns % turnsPerMeasurement === 0 ? this.#longestUnmeasured(connected) : undefined
    for (const peer of [...fresh.slice(0, memberLimits.maxDialsAtOnce), turn]) this.#enqueue(peer)
    this.#startQueued()
  }

  /** Dials all members held dead. Called when one of them answers, since its side of a partition may be back. */
  retryDead(): void {
    for (const peer of shuffled(this.#unconnected('dead'), this.#parts.random)) this.#enqueue(peer)
    this.#startQueued()
  }

  /**
   * Connects to a peer if need be, and measures a round trip.
   * @throws {Error} when it is refused, or with the signal
   */
  async reach(peer: string, signal: AbortSignal): Promise<void> {
    const { transport, members } = this.#parts
    const known = members().find(({ record }) => record.peerId === peer)
    if (known !== undefined) transport.learn(peer, known.record.addresses)
    this.#add(peer, await transport.ping(peer, { signal }))
  }

  /** A beat and its answer have taken so long. */
  measured(peer: string, rttMs: number): void {
    this.#add(peer, rttMs)
  }

  #add(peer: string, rttMs: number): void {
    this.#roundTrips.add(peer, rttMs)
    this.#measuredTurn.set(peer, this.#turns)
  }

  /** Smallest recent round trip to each connected member, in microseconds, of links measured three times. */
  links(): Links {
    const members = this.#memberIds()
    return Object.fromEntries(this.#roundTrips.smallest().filter(([peer]) => members.has(peer)))
  }

  close(): void {
    this.#queue = []
    for (const controller of this.#dialling.values())
      controller.abort(new ShoalError('cancelled', 'membership is closing'))
  }

  /** Never rejects. */
  async #dial(peer: string): Promise<void> {
    const { clock, logger } = this.#parts
    const controller = new AbortController()
    this.#dialling.set(peer, controller)
    const timer = clock.after(this.#options.dialMs, () =>
      controller.abort(new ShoalError('deadline-passed', `${peer} did not answer`)),
    )
    try {
      // A new link is measured until it may be announced: the first announcement should be one that stays.
      do await this.reach(peer, controller.signal)
      while (this.#roundTrips.isFresh(peer))
    } catch (error) {
      logger.debug('dial-failed', { peer, reason: messageOf(error) })
    } finally {
      timer.cancel()
      this.#dialling.delete(peer)
      this.#startQueued()
    }
  }

  /** The link whose last measurement is oldest, unless all are recent. */
  #longestUnmeasured(connected: readonly string[]): string | undefined {
    const turnOf = (peer: string): number => this.#measuredTurn.get(peer) ?? 0
    const [oldest] = connected.toSorted((a, b) => turnOf(a) - turnOf(b))
    if (oldest === undefined || this.#turns - turnOf(oldest) < measuredForTurns) return undefined
    // One that does not answer must not keep the others from being measured.
    this.#measuredTurn.set(oldest, this.#turns)
    return oldest
  }

  #enqueue(peer: string | undefined): void {
    if (peer !== undefined && !this.#queue.includes(peer)) this.#queue.push(peer)
  }

  #startQueued(): void {
    while (this.#dialling.size < memberLimits.maxDialsAtOnce) {
      const peer = this.#queue.shift()
      if (peer === undefined) return
      if (!this.#dialling.has(peer)) void this.#dial(peer)
    }
  }

  #memberIds(): ReadonlySet<string> {
    return new Set(this.#parts.members().map(({ record }) => record.peerId))
  }

  /** Living members to which this peer is to be connected and is not. */
  #missing(): readonly string[] {
    const unconnected = [...this.#unconnected('alive'), ...this.#unconnected('suspect')]
    const living = this.#parts
      .members()
      .filter(({ liveness }) => liveness === 'alive' || liveness === 'suspect').length
    if (living <= this.#options.neighboursMax) return unconnected
    const watchers = this.#parts.watchers()
    return unconnected.filter((peer) => watchers.has(peer))
  }

  /** Members of this liveness to which there is no connection. */
  #unconnected(liveness: Liveness): string[] {
    const { transport, members } = this.#parts
    const connected = new Set(transport.connected())
    return members()
      .filter((member) => member.liveness === liveness)
      .map(({ record }) => record.peerId)
      .filter((peer) => peer !== transport.peerId && !connected.has(peer))
  }
}
