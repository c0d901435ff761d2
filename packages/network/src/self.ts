import { ShoalError, type Clock } from '@shoal/host'
import { standingOf } from './admission/standings.ts'
import { createMemoryConnection } from './memory/connection.ts'
import type { Channel, Transport } from './transport.ts'

/** Channels kept per protocol until it is served: one from each member of a full mesh. */
const earlyChannelsMax = 64

/**
 * A transport that can also open channels to its own peer: a node that coordinates a session over its own span is then
 * a stage like any other. Those channels are in memory (no encryption, one copy), with the same credits.
 *
 * @param servedLater protocols that get their handler some time after the first dial: channels that others open before
 * are kept for it, where they would otherwise learn that this peer does not speak the protocol
 */
export function withSelf(transport: Transport, clock: Clock, servedLater: readonly string[] = []): Transport {
  const handlers = new Map<string, (channel: Channel) => void>()
  const early = new Map<string, Channel[]>(servedLater.map((protocol) => [protocol, []]))
  for (const [protocol, waiting] of early) {
    transport.handle(protocol, (channel) => {
      const handler = handlers.get(protocol)
      if (handler !== undefined) handler(channel)
      else if (waiting.length < earlyChannelsMax) waiting.push(channel)
      else channel.abort(new ShoalError('no-capacity', `too many channels wait for ${protocol} to be served`))
    })
  }
  const connection = createMemoryConnection(clock, [transport.peerId, transport.peerId], () => 0)

  let further: readonly string[] = []

  return {
    peerId: transport.peerId,
    addresses: () => [
      ...transport.addresses(),
      ...further.map((address) => `${address}/p2p/${transport.peerId}`),
    ],
    alsoAt: (addresses) => void (further = addresses),
    dial: (address, options) => transport.dial(address, options),
    learn: (peerId, addresses) => {
      if (peerId !== transport.peerId) transport.learn(peerId, addresses)
    },
    async open(peerId, protocol, options) {
      if (peerId !== transport.peerId) return transport.open(peerId, protocol, options)
      const handler = handlers.get(protocol)
      if (handler === undefined) throw new ShoalError('wrong-version', `this peer does not serve ${protocol}`)
      const [near, far] = connection.createChannel(peerId, protocol)
      handler(far)
      return near
    },
    handle(protocol, onChannel) {
      handlers.set(protocol, onChannel)
      if (!servedLater.includes(protocol)) transport.handle(protocol, onChannel)
      // Never inside `handle`: whoever calls it may still be setting itself up.
      for (const channel of early.get(protocol)?.splice(0) ?? []) queueMicrotask(() => onChannel(channel))
    },
    direct: (peerId) => transport.direct?.(peerId) ?? null,
    prefer: (isKnown) => transport.prefer?.(isKnown),
    networkOf: (peerId) => transport.networkOf?.(peerId) ?? null,
    tried: (peerId) => transport.tried?.(peerId) ?? [],
    path: (peerId) => transport.path?.(peerId) ?? null,
    reserve: async (relay) => transport.reserve?.(relay),
    ...(transport.knock !== undefined && { knock: transport.knock.bind(transport) }),
    ...(transport.upgrade !== undefined && { upgrade: transport.upgrade.bind(transport) }),
    ...(transport.quicken !== undefined && { quicken: transport.quicken.bind(transport) }),
    ...(transport.punch !== undefined && { punch: transport.punch.bind(transport) }),
    standing: (peerId) =>
      peerId === transport.peerId
        ? { role: 'admin', member: peerId, invited: true }
        : standingOf(transport, peerId),
    connected: () => transport.connected(),
    onConnect: (listener) => transport.onConnect(listener),
    onDisconnect: (listener) => transport.onDisconnect(listener),
    ping: async (peerId, options) => (peerId === transport.peerId ? 0 : transport.ping(peerId, options)),
    hangUp: (peerId) => transport.hangUp(peerId),
    sign: (bytes) => transport.sign(bytes),
    verify: (peerId, bytes, signature) => transport.verify(peerId, bytes, signature),
    async close() {
      connection.drop(new ShoalError('peer-vanished', 'this peer has closed'))
      await transport.close()
    },
  }
}
