import { constants } from 'node:crypto'
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { messageOf, onAbort, ShoalError, type Logger } from '@shoal/host'
import { limits } from '../limits.ts'
import type { Offer, Offers } from './offers.ts'

/**
 * Both sides prove that they know a key of 32 random bytes which they exchanged over noise, and agree on fresh ones
 * (ECDHE_PSK, RFC 8442): what is recorded cannot be read later. Node offers external keys in TLS 1.2 only.
 */
const cipher: SecureContextOptions & { ciphers: string } = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  ecdhCurve: 'X25519',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  // Without tickets nobody resumes a session whose key is used up, and no key of theirs can open what was recorded.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
}

/** Listens for peers that were made an offer, at one address. */
export interface DirectServer {
  readonly host: string
  readonly port: number
  /** Listening does not keep the process. */
  unref(): void
  close(): void
}

/** @param onSocket takes over the socket in the same turn @throws when the address cannot be listened at */
export async function listenDirect(
  host: string,
  offers: Offers,
  onSocket: (socket: TLSSocket, offer: Offer) => void,
  logger: Logger,
): Promise<DirectServer> {
  const identities = new WeakMap<TLSSocket, string>()
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer(
    {
      ...cipher,
      handshakeTimeout: limits.directConnectMs,
      pskCallback(socket, identity) {
        identities.set(socket, identity)
        return offers.keyOf(identity)
      },
    },
    (socket) => {
      // Its peer may reset the connection before, or while, somebody takes the socket.
      socket.on('error', (error) => logger.debug('direct-socket-failed', { reason: messageOf(error) }))
      const offer = offers.take(identities.get(socket) ?? '')
      if (offer === null) socket.destroy()
      else onSocket(socket, offer)
    },
  )
  server.maxConnections = limits.connections
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', (error, socket) => {
    logger.debug('direct-handshake-failed', { reason: messageOf(error) })
    socket.destroy()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port: 0, ipv6Only: true }, resolve)
  })
  server.on('error', (error) => logger.warn('direct-listener-failed', { reason: messageOf(error) }))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return {
    host,
    port: address.port,
    unref: () => void server.unref(),
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** @throws {ShoalError} `peer-vanished`; the signal's reason */
export function connectDirect(
  host: string,
  { port, identity, key }: { readonly port: number; readonly identity: string; readonly key: Uint8Array },
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = connect({
      ...cipher,
      host,
      port,
      pskCallback: () => ({ psk: key, identity }),
      // There is no certificate whose name could be checked: who knows the key is the peer.
      checkServerIdentity: () => undefined,
    })
    const stopListening = onAbort(signal, () => {
      socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('given up'))
    })
    const failed = (error: Error): void => {
      stopListening()
      reject(
        signal.aborted
          ? signal.reason
          : new ShoalError('peer-vanished', `no direct connection to ${host}:${port}: ${error.message}`, {
              cause: error,
            }),
      )
    }
    const closed = (): void => failed(new Error('it was closed'))
    // They stay: an error that came before whoever takes the socket listens would end the process.
    socket.on('error', failed)
    socket.on('close', closed)
    socket.once('secureConnect', () => {
      stopListening()
      resolve(socket)
    })
  })
}
