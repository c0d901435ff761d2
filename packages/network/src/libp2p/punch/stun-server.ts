import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { messageOf, type Clock, type Logger } from '@shoal/host'
import { limits } from '../../limits.ts'
import { networkOf } from '../connection-gate.ts'
import { encodeBindingAnswer, paddedRequestBytes, readBindingRequest } from './stun-message.ts'
import { UdpPace } from './udp-pace.ts'

/**
 * Tells peers behind routers under which address and port their packets arrive. A relay answers at the UDP port with the
 * number of its TCP port, so that nobody has to be told where, and at a second port, by which a peer sees whether its router
 * gives every destination another port.
 */
export class StunServer {
  readonly #logger: Logger
  readonly #pace: UdpPace
  readonly #sockets: Socket[] = []

  constructor(clock: Clock, logger: Logger) {
    this.#logger = logger
    this.#pace = new UdpPace(limits.stunAnswers, limits.stunAnswersOfNetwork, clock)
  }

  /** A port that is taken is logged: members then stay relayed. */
  async listen(host: string, port: number): Promise<void> {
    try {
      const other = await this.#open(host, 0, () => null)
      const otherPort = other.address().port
      await this.#open(host, port, () => otherPort)
      this.#logger.debug('stun-listening', { host, port, otherPort })
    } catch (error) {
      this.#logger.info('stun-not-listening', { host, port, reason: messageOf(error) })
    }
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close()
  }

  async #open(host: string, port: number, otherPort: () => number | null): Promise<Socket> {
    const six = host.includes(':')
    const socket = createSocket({ type: six ? 'udp6' : 'udp4', ipv6Only: six })
    const bound = Promise.withResolvers<void>()
    socket.on('error', (error) => {
      bound.reject(error)
      this.#logger.debug('stun-socket-failed', { reason: messageOf(error) })
    })
    socket.on('message', (packet, from) => this.#answer(socket, packet, from, otherPort()))
    socket.bind({ port, address: host, exclusive: true }, () => bound.resolve())
    try {
      await bound.promise
    } catch (error) {
      socket.close()
      throw error
    }
    this.#sockets.push(socket)
    return socket
  }

  #answer(socket: Socket, packet: Uint8Array, { address, port }: RemoteInfo, otherPort: number | null): void {
    const transaction = readBindingRequest(packet)
    if (transaction === null || !this.#pace.take(networkOf(address))) return
    // The host is the one that was asked: only the port is read of this.
    const other =
      otherPort === null || packet.length < paddedRequestBytes
        ? null
        : { ip: address.includes(':') ? '::' : '0.0.0.0', port: otherPort }
    // A packet that does not leave is asked for again.
    socket.send(
      encodeBindingAnswer(transaction, { ip: address, port }, other),
      port,
      address,
      () => undefined,
    )
  }
}
