import type { ComponentLogger, Connection, MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { messageOf, ShoalError, timeLimit, type Clock, type Logger, type Random } from '@shoal/host'
import type { PunchEnd } from '@shoal/protocol'
import { limits } from '../../limits.ts'
import type { Channel } from '../../transport.ts'
import { PunchAttempts, type Asker } from './attempts.ts'
import { textOf, toldCandidates, usableCandidates, type Reaches } from './candidates.ts'
import { answerOver, offerOver } from './exchange.ts'
import { loadDataChannels, type DataChannelLibrary } from './library.ts'
import { Link } from './link.ts'
import { PunchedConnection } from './punched-connection.ts'
import { findMapping, type Mapping } from './stun-client.ts'
import type { Place } from './stun-message.ts'

export interface PuncherDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  /** Which addresses packets may be sent to. */
  readonly reaches: Reaches
  /** Whether an address that another peer names may be dialled now. */
  readonly mayDial: (address: Multiaddr) => boolean
  /** Sees each raw connection before anything is read from it. */
  readonly watch: (connection: unknown) => void
  readonly interfaces: () => readonly string[]
}

/** What this package uses of libp2p's parts. */
export interface PuncherParts {
  readonly upgrader: Upgrader
  readonly logger: ComponentLogger
}

/** One end of an attempt, as it is told to the other peer. */
type OwnEnd = Omit<PunchEnd, 'candidates'> & { readonly candidates: readonly string[] }

/**
 * Connections through the routers of both peers, in place of one through a relay. Both send packets to the address that a
 * relay has seen of the other; each router takes the packets that then come from there for answers. The peers exchange these
 * addresses over the connection that the relay forwards. What opens is a raw connection: encryption, admission and streams
 * follow as over TCP, so that nobody gets in who could not otherwise.
 */
export class Puncher {
  readonly #dependencies: PuncherDependencies
  readonly #attempts: PunchAttempts
  readonly #open = new Set<PunchedConnection>()
  /** Why the last attempt with a peer has failed. */
  readonly #reasons = new Map<string, string>()
  readonly #stop = new AbortController()
  #parts: PuncherParts | undefined
  #library: DataChannelLibrary | undefined

  constructor(dependencies: PuncherDependencies) {
    this.#dependencies = dependencies
    this.#attempts = new PunchAttempts(dependencies.clock)
  }

  /** For libp2p, which hands its parts to a service. */
  service(): (parts: PuncherParts) => object {
    return (parts) => {
      this.#parts = parts
      return {}
    }
  }

  /** Why the last attempt with a peer has failed; null when there was none. */
  reasonOf(peer: string): string | null {
    return this.#reasons.get(peer) ?? null
  }

  /**
   * Opens a connection to a peer that is connected through a relay.
   * @param ask opens the channel over which the two agree
   * @param servers relays that tell addresses
   * @throws {ShoalError} why it did not open
   */
  async punch(
    peer: string,
    ask: (signal: AbortSignal) => Promise<Channel>,
    servers: readonly Place[],
    signal: AbortSignal,
  ): Promise<void> {
    await this.#attempt(peer, 'self', servers, signal, async (link, mapping, limit) => {
      const own = this.#ownEnd(await link.offer(limit), mapping)
      const answered = await offerOver(await ask(limit), own, this.#dependencies.logger, limit, (end) => {
        link.accept(end)
        link.reach(this.#usable(end))
      })
      return { direction: 'outbound', varies: answered.varies }
    })
  }

  /** Answers a peer that asks over `channel`. */
  answer(channel: Channel, asked: Exclude<Asker, 'self'>, servers: () => readonly Place[]): void {
    const peer = channel.remotePeer
    answerOver(channel, this.#dependencies.logger, async (offered, tellAndWait) => {
      await this.#attempt(peer, asked, servers(), this.#stop.signal, async (link, mapping, limit) => {
        if (offered.varies && mapping.varies) throw bothVary()
        const candidates = this.#usable(offered)
        await tellAndWait(this.#ownEnd(await link.answer(offered, limit), mapping), limit)
        link.reach(candidates)
        return { direction: 'inbound', varies: offered.varies }
      })
    })
  }

  close(): void {
    this.#stop.abort(new ShoalError('cancelled', 'the transport is closed'))
  }

  /** The native library, once it has been used. */
  get library(): DataChannelLibrary | undefined {
    return this.#library
  }

  async #attempt(
    peer: string,
    asked: Asker,
    servers: readonly Place[],
    signal: AbortSignal,
    agree: (
      link: Link,
      mapping: Mapping,
      limit: AbortSignal,
    ) => Promise<{ readonly direction: 'inbound' | 'outbound'; readonly varies: boolean }>,
  ): Promise<void> {
    const { clock } = this.#dependencies
    const late = (): ShoalError => new ShoalError('deadline-passed', 'no packet came through')
    let who = ''
    try {
      await this.#attempts.run(peer, asked, async () => {
        const limit = timeLimit(clock, limits.punchMs, late, AbortSignal.any([signal, this.#stop.signal]))
        let link: Link | undefined
        try {
          const most = asked === 'guest' ? limits.punchedConnectionsOfGuests : limits.punchedConnections
          if (this.#open.size >= most)
            throw new ShoalError('no-capacity', `${this.#open.size} such connections are open`)
          const library = (this.#library = await loadDataChannels())
          const mapping = await findMapping(servers, this.#dependencies)
          link = new Link(library, mapping.server)
          const { direction, varies } = await agree(link, mapping, limit.signal)
          who = whoVaries(mapping.varies, varies)
          await link.opened(limit.signal)
          await this.#upgrade(peer, link, direction, limit.signal)
        } catch (error) {
          link?.close()
          throw error
        } finally {
          limit.clear()
        }
      })
      this.#reasons.delete(peer)
    } catch (error) {
      this.#remember(peer, `${messageOf(error)}${who}`)
      throw error
    }
  }

  #ownEnd(described: Awaited<ReturnType<Link['offer']>>, { varies }: Mapping): OwnEnd {
    const { fragment, password } = described
    const candidates = toldCandidates(described.candidates, this.#dependencies.reaches)
    if (candidates.length === 0)
      throw new ShoalError('not-ready', 'no relay tells over UDP how this machine’s router shows it')
    return { fragment, password, candidates, varies }
  }

  #usable(end: PunchEnd): readonly Place[] {
    const { reaches, mayDial } = this.#dependencies
    const usable = usableCandidates(end.candidates, reaches, mayDial)
    if (usable.length === 0)
      throw new ShoalError('bad-request', 'the peer names no address to which packets may be sent now')
    return usable
  }

  /** Hands the raw connection to libp2p, which encrypts it, asks for admission and opens streams on it. */
  async #upgrade(
    peer: string,
    link: Link,
    direction: 'inbound' | 'outbound',
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, watch, interfaces } = this.#dependencies
    const places = link.places()
    if (this.#parts === undefined || places === null)
      throw new ShoalError('peer-vanished', 'the connection ended at once')
    const { upgrader, logger } = this.#parts
    const { local, remote } = places
    const connection = new PunchedConnection({
      link,
      clock,
      // With the peer in it, noise refuses any other one.
      remoteAddr: multiaddr(`${textOf(remote)}/webrtc/p2p/${peer}`),
      localAddress: interfaces().find((address) => address === local.ip),
      direction,
      log: logger,
    })
    this.#open.add(connection)
    connection.addEventListener('close', () => this.#open.delete(connection), { once: true })
    watch(connection)
    try {
      await upgradeWith(upgrader, connection, direction, signal)
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    }
  }

  #remember(peer: string, reason: string): void {
    this.#reasons.delete(peer)
    this.#reasons.set(peer, reason)
    const [oldest] = this.#reasons.keys()
    if (this.#reasons.size > limits.learnedPeers && oldest !== undefined) this.#reasons.delete(oldest)
  }
}

async function upgradeWith(
  upgrader: Upgrader,
  connection: MultiaddrConnection,
  direction: 'inbound' | 'outbound',
  signal: AbortSignal,
): Promise<Connection | void> {
  return direction === 'inbound'
    ? await upgrader.upgradeInbound(connection, { signal })
    : await upgrader.upgradeOutbound(connection, { signal })
}

const bothVary = (): ShoalError =>
  new ShoalError('not-ready', 'both routers give every destination another port, as carriers’ do')

function whoVaries(own: boolean, others: boolean): string {
  if (own) return ': the router here gives every destination another port, as carriers’ do'
  return others ? ': its router gives every destination another port, as carriers’ do' : ''
}
