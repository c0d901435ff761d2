import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { Channel } from '@shoal/network'
import type { FrameParts } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'

/** One members channel: its frames are read one after another, and what waits to be sent is bounded. */
export class NeighbourLine {
  readonly channel: Channel
  /** The neighbour belongs to another swarm: what it has sent before the channel's end is no fault of its. */
  isForeign = false
  readonly #logger: Logger
  #waitingBytes = 0
  #reading: Promise<void> = Promise.resolve()

  /** @param read handles a frame; never rejects */
  constructor(channel: Channel, logger: Logger, read: (frame: Uint8Array) => Promise<void>) {
    this.channel = channel
    this.#logger = logger
    channel.onFrame((frame) => {
      this.#reading = this.#reading.then(() => read(frame))
      return this.#reading
    })
  }

  get peer(): string {
    return this.channel.remotePeer
  }

  /** Resolves when the frames received so far have been read. */
  get read(): Promise<void> {
    return this.#reading
  }

  /** Ends the channel when the neighbour does not read. Such a neighbour fetches what it lacks over its next channel. */
  send(parts: FrameParts): void {
    const byteLength = parts.reduce((sum, part) => sum + part.length, 0)
    if (this.#waitingBytes + byteLength > memberLimits.maxWaitingBytes) {
      this.channel.abort(
        new ShoalError('limit-exceeded', `${this.peer} does not read its membership channel`),
      )
      return
    }
    this.#waitingBytes += byteLength
    this.channel.send(...parts).then(
      () => {
        this.#waitingBytes -= byteLength
      },
      (error: unknown) =>
        this.#logger.debug('members-send-failed', { peer: this.peer, reason: messageOf(error) }),
    )
  }
}
