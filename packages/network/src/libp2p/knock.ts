import type { Multiaddr } from '@multiformats/multiaddr'
import { onAbort } from '@shoal/host'
import { connect } from 'node:net'
import { badAddress } from '../errors.ts'
import { ipOf, parseAddress } from './address-book.ts'

/** The first words of libp2p on every connection, which the listener repeats: multistream-select 1.0. */
const greeting = Buffer.from('\x13/multistream/1.0.0\n')

/**
 * Whether somebody who speaks libp2p answers at an address. A dial by libp2p itself would return the connection that exists,
 * and ending that would end its channels.
 * @param seen where the peer that asks for this is connected from: nobody may have others knocked at
 * @throws {ShoalError} `bad-request` for an address with another IP address, or none
 */
export function knockAt(seen: Multiaddr | undefined, address: string, signal: AbortSignal): Promise<boolean> {
  const parsed = parseAddress(address)
  const host = parsed === undefined ? undefined : ipOf(parsed)
  const [, transport, ...rest] = parsed?.getComponents() ?? []
  const port = Number(transport?.value)
  const plain = transport?.name === 'tcp' && rest.every(({ name }) => name === 'p2p')
  if (host === undefined || !plain || seen === undefined || ipOf(seen) !== host)
    return Promise.reject(badAddress(address))
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answered: boolean): void => {
      stop()
      socket.destroy()
      resolve(answered)
    }
    const stop = onAbort(signal, () => end(false))
    let heard = Buffer.alloc(0)
    socket.on('connect', () => socket.write(greeting))
    socket.on('data', (bytes) => {
      heard = Buffer.concat([heard, bytes]).subarray(0, greeting.length)
      if (heard.length === greeting.length) end(heard.equals(greeting))
    })
    socket.on('error', () => end(false))
    socket.on('close', () => end(false))
  })
}
