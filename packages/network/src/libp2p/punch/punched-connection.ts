import type { ComponentLogger, MessageStreamDirection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { every, messageOf, sleep, type Clock, type Timer } from '@shoal/host'
import { limits } from '../../limits.ts'
import { messageBytes } from './description.ts'
import type { Link } from './link.ts'

type Data = Parameters<AbstractMultiaddrConnection['sendData']>[0]

export interface PunchedConnectionOptions {
  readonly link: Link
  readonly clock: Clock
  readonly remoteAddr: Multiaddr
  /** An address of this machine, at which the connection ends. */
  readonly localAddress: string | undefined
  readonly direction: MessageStreamDirection
  readonly log: ComponentLogger
}

/** Short texts beside the binary messages, which are the connection's bytes. */
const words = { ping: 'ping', pong: 'pong', end: 'end', ended: 'ended', grant: 'grant ' } as const

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(messageOf(error)))

/**
 * A data channel as a raw connection of libp2p, on which noise, admission and yamux run as on a socket.
 *
 * A data channel hands over whatever comes, without a bound: each side therefore sends at most a window of bytes beyond what
 * the other side has granted. And the native library notices a dead path after 30 s only: a side that has sent something and
 * hears nothing asks, and ends the connection soon after.
 */
export class PunchedConnection extends AbstractMultiaddrConnection {
  /** What reads a connection at a pace takes this for its socket. */
  readonly socket: {
    readonly localAddress?: string
    pause(): void
    resume(): void
  }
  readonly #link: Link
  readonly #clock: Clock
  readonly #timer: Timer
  /** Bytes that may still be sent, and that the other side may still send. */
  #mayEmit: number = limits.punchedWindowBytes
  #mayTake: number = limits.punchedWindowBytes
  #isHeld = false
  readonly #ended = Promise.withResolvers<void>()
  /** Since when something has been sent and nothing has come; null when nothing waits for a sign of life. */
  #waitsSinceMs: number | null = null
  #turnedMs: number

  constructor({ link, clock, remoteAddr, localAddress, direction, log }: PunchedConnectionOptions) {
    super({ remoteAddr, direction, log: log.forComponent('shoal:punched'), maxMessageSize: messageBytes })
    this.#link = link
    this.#clock = clock
    this.#turnedMs = clock.nowMs()
    this.socket = {
      ...(localAddress === undefined ? {} : { localAddress }),
      pause: () => void (this.#isHeld = true),
      resume: () => {
        this.#isHeld = false
        this.#grant()
      },
    }
    this.#timer = every(
      clock,
      limits.punchedTurnMs,
      () => this.#turn(),
      (error) => this.abort(asError(error)),
    )
    link.channel.onMessage((message) => this.#receive(message))
    link.onEnd(() => this.onTransportClosed())
    this.addEventListener('close', () => {
      this.#timer.cancel()
      this.#ended.resolve()
      link.close()
    })
  }

  sendData(data: Data): SendResult {
    const bytes = data.subarray()
    if (bytes.byteLength > this.#mayEmit) return { sentBytes: 0, canSendMore: false }
    this.#mayEmit -= bytes.byteLength
    this.#tell(() => this.#link.channel.sendMessageBinary(bytes))
    this.#waitsSinceMs ??= this.#clock.nowMs()
    return { sentBytes: bytes.byteLength, canSendMore: true }
  }

  sendReset(): void {
    this.#link.close()
  }

  /** The other side answers when all that was sent before has arrived. */
  async sendClose(): Promise<void> {
    this.#tell(() => this.#link.channel.sendMessage(words.end))
    await Promise.race([this.#ended.promise, sleep(this.#clock, limits.punchedEndMs)])
    this.#link.close()
  }

  sendPause(): void {
    this.#isHeld = true
  }

  sendResume(): void {
    this.#isHeld = false
    this.#grant()
  }

  #receive(message: string | Uint8Array | ArrayBuffer): void {
    if (this.status !== 'open' && this.status !== 'closing') return
    this.#waitsSinceMs = null
    if (typeof message === 'string') return this.#hear(message)
    const bytes = message instanceof Uint8Array ? message : new Uint8Array(message)
    this.#mayTake -= bytes.byteLength
    if (this.#mayTake < 0) return this.abort(new Error('the other side sends more than it may'))
    this.onData(bytes)
    this.#grant()
  }

  #hear(text: string): void {
    if (text === words.ping) return this.#tell(() => this.#link.channel.sendMessage(words.pong))
    if (text === words.pong) return
    if (text === words.end) return this.#tell(() => this.#link.channel.sendMessage(words.ended))
    if (text === words.ended) return this.#ended.resolve()
    const granted = text.startsWith(words.grant) ? Number(text.slice(words.grant.length)) : Number.NaN
    if (!Number.isSafeInteger(granted) || granted < 1 || this.#mayEmit + granted > limits.punchedWindowBytes)
      return this.abort(new Error('the other side grants what it cannot'))
    this.#mayEmit += granted
    this.safeDispatchEvent('drain')
  }

  /** Lets the other side send as much again as has been read. */
  #grant(): void {
    const owed = limits.punchedWindowBytes - this.#mayTake
    if (this.#isHeld || this.status !== 'open' || owed < limits.punchedWindowBytes * limits.grantShare) return
    this.#mayTake += owed
    this.#tell(() => this.#link.channel.sendMessage(`${words.grant}${owed}`))
  }

  #turn(): void {
    const nowMs = this.#clock.nowMs()
    const lateMs = nowMs - this.#turnedMs - limits.punchedTurnMs
    this.#turnedMs = nowMs
    if (this.#waitsSinceMs === null) return
    // While this process was held up nothing could be heard.
    if (lateMs > limits.punchedTurnMs) this.#waitsSinceMs += lateMs
    const silentMs = nowMs - this.#waitsSinceMs
    if (silentMs >= limits.punchedSilenceMs)
      return this.abort(new Error(`nothing came for ${Math.round(silentMs / 1000)} s: the path is dead`))
    if (silentMs >= limits.punchedTurnMs) this.#tell(() => this.#link.channel.sendMessage(words.ping))
  }

  /** The native library throws when the channel has ended meanwhile. */
  #tell(say: () => boolean): void {
    try {
      say()
    } catch (error) {
      queueMicrotask(() => this.abort(asError(error)))
    }
  }
}
