import type { Channel, Transport } from '@shoal/network'
import { decodeSession, protocols } from '@shoal/protocol'
import { isDue, type KillOrder, type Moment } from './kill-points.ts'

/**
 * Extends a transport so that its session channels call `die` at the moment that an order names: before a received frame
 * is handed on, before a frame leaves, or after it has left. `die` returns when another process has claimed the order.
 */
export function makeMortal<Kind extends Transport>(
  transport: Kind,
  orders: () => readonly KillOrder[],
  die: (order: KillOrder) => void,
): Kind {
  const judge = (moment: Moment, frame: Uint8Array): void => {
    if (orders().length === 0) return
    const { message } = decodeSession(frame)
    for (const order of orders()) if (isDue(order, moment, message)) die(order)
  }
  const open = transport.open.bind(transport)
  const handle = transport.handle.bind(transport)
  // Assigned and not spread: the methods of a class are on its prototype, and its state is in private fields.
  return Object.assign(transport, {
    async open(...[peer, protocol, options]: Parameters<Transport['open']>): Promise<Channel> {
      const channel = await open(peer, protocol, options)
      return protocol === protocols.session ? watched(channel, judge) : channel
    },
    handle(protocol: string, onChannel: (channel: Channel) => void): void {
      handle(
        protocol,
        protocol === protocols.session ? (channel) => onChannel(watched(channel, judge)) : onChannel,
      )
    },
  })
}

function watched(channel: Channel, judge: (moment: Moment, frame: Uint8Array) => void): Channel {
  return {
    remotePeer: channel.remotePeer,
    protocol: channel.protocol,
    get closed() {
      return channel.closed
    },
    async send(...parts) {
      const frame = Buffer.concat(parts)
      judge('sending', frame)
      await channel.send(frame)
      judge('sent', frame)
    },
    onFrame(receive) {
      channel.onFrame((frame) => {
        judge('received', frame)
        return receive(frame)
      })
    },
    onClose: (listener) => channel.onClose(listener),
    widen: (creditBytes) => channel.widen(creditBytes),
    close: () => channel.close(),
    abort: (error) => channel.abort(error),
  }
}
