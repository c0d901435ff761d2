import type { Random } from '@shoal/host'
import { readStatement, sealStatement, swarmName } from '@shoal/membership/testing'
import type { Channel, Transport } from '@shoal/network'
import { decodeMembers, encodeMembers, protocols, type MembersMessage } from '@shoal/protocol'

/** What a hostile member does besides, or instead of, what its honest membership does. */
export interface Malice {
  /** What goes to a neighbour in place of a message of the honest membership. */
  outgoing?(to: string, message: MembersMessage): readonly MembersMessage[]
  /** A neighbour has sent this. */
  heard?(from: string, message: MembersMessage): void
  /** Called once a second. */
  turn?(): Promise<void>
}

/** A life that a peer has signed, with the number of its newest `alive`. */
export interface SignedLife {
  readonly incarnation: number
  readonly count: number
}

/**
 * A hostile member. It runs the product's membership with a key and a place in the swarm, so that it watches and is watched
 * like every member, over a transport that lets its malice read and change every message.
 */
export class Puppet {
  readonly transport: Transport
  readonly random: Random
  /** The newest life of each peer of which an `alive` has come. */
  readonly lives = new Map<string, SignedLife>()
  /** How to send a frame to each neighbour, past the malice. */
  readonly #lines = new Map<string, Channel['send']>()
  readonly #malice: Malice

  /** @param transport changed in place: its channels of the members protocol pass through the malice */
  constructor(transport: Transport, random: Random, maliceOf: (puppet: Puppet) => Malice) {
    this.transport = transport
    this.random = random
    this.#malice = maliceOf(this)
    const [open, handle] = [transport.open.bind(transport), transport.handle.bind(transport)]
    Object.assign(transport, {
      open: async (...args: Parameters<Transport['open']>) => {
        const channel = await open(...args)
        return args[1] === protocols.members ? this.#tap(channel) : channel
      },
      handle: (protocol: string, onChannel: (channel: Channel) => void) =>
        handle(protocol, (channel) =>
          onChannel(protocol === protocols.members ? this.#tap(channel) : channel),
        ),
    })
  }

  get peerId(): string {
    return this.transport.peerId
  }

  /** Peers to which a members channel is open, in a fixed order. */
  neighbours(): readonly string[] {
    return [...this.#lines.keys()].sort()
  }

  async turn(): Promise<void> {
    await this.#malice.turn?.()
  }

  say(peer: string, message: MembersMessage): void {
    const send = this.#lines.get(peer)
    send?.(...encodeMembers(message)).catch(() => undefined)
  }

  sayToAll(message: MembersMessage): void {
    for (const peer of this.neighbours()) this.say(peer, message)
  }

  /** Signs a complaint about the newest life of a peer. */
  async complaint(kind: 'alert' | 'held', subject: string): Promise<Uint8Array | undefined> {
    const life = this.lives.get(subject)
    if (life === undefined) return undefined
    const signerIncarnation = this.lives.get(this.peerId)?.incarnation ?? 0
    const body = {
      kind,
      signer: this.peerId,
      subject,
      ...life,
      ...(kind === 'held' && { signerIncarnation }),
    }
    return (await sealStatement(this.transport, swarmName, body)).bytes
  }

  below(limit: number): number {
    return Math.floor(this.random.unit() * limit)
  }

  #tap(channel: Channel): Channel {
    const peer = channel.remotePeer
    const [send, onFrame] = [channel.send.bind(channel), channel.onFrame.bind(channel)]
    this.#lines.set(peer, send)
    channel.onClose(() => {
      if (this.#lines.get(peer) === send) this.#lines.delete(peer)
    })
    return Object.assign(channel, {
      send: async (...parts: readonly Uint8Array[]) => {
        const message = decodeMembers(joined(parts))
        this.#noteLives(message)
        const messages = this.#malice.outgoing?.(peer, message) ?? [message]
        await Promise.all(messages.map((one) => send(...encodeMembers(one))))
      },
      onFrame: (receive: (frame: Uint8Array) => void | Promise<void>) =>
        onFrame((frame) => {
          this.#read(peer, decodeMembers(frame.slice()))
          return receive(frame)
        }),
    })
  }

  #read(peer: string, message: MembersMessage): void {
    this.#noteLives(message)
    this.#malice.heard?.(peer, message)
  }

  #noteLives(message: MembersMessage): void {
    if (message.type !== 'statements') return
    for (const bytes of message.statements) {
      const { kind, signer, incarnation, count } = readStatement(bytes)
      const known = this.lives.get(signer)
      const isNewer =
        known === undefined ||
        incarnation > known.incarnation ||
        (incarnation === known.incarnation && count > known.count)
      if (kind === 'alive' && isNewer) this.lives.set(signer, { incarnation, count })
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
