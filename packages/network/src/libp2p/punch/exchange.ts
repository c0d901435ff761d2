import { isErrorCode, messageOf, onAbort, ShoalError, type Logger } from '@shoal/host'
import { decodePunch, encodePunch, type PunchAnswer, type PunchEnd, type PunchMessage } from '@shoal/protocol'
import type { Channel } from '../../transport.ts'

/**
 * Offers an end over `channel`, hands the other end to `begin`, and tells the peer to go.
 * @throws {ShoalError} the code of a refusal, `peer-vanished`, `bad-frame`; the signal's reason; what `begin` throws
 */
export async function offerOver(
  channel: Channel,
  own: PunchEnd,
  logger: Logger,
  signal: AbortSignal,
  begin: (answered: PunchAnswer) => void,
): Promise<PunchAnswer> {
  const frames = new Frames(channel)
  try {
    const [message] = await Promise.all([
      frames.next(signal),
      channel.send(...encodePunch({ type: 'punch-offer', ...own })),
    ])
    if (message.type === 'refused')
      throw new ShoalError(
        isErrorCode(message.code) ? message.code : 'internal',
        `the peer refuses: ${message.message}`,
      )
    if (message.type !== 'punch-answer')
      throw new ShoalError('bad-frame', `a '${message.type}' came where an answer was expected`)
    begin(message)
    await channel.send(...encodePunch({ type: 'punch-go' }))
    return message
  } finally {
    channel
      .close()
      .catch((error: unknown) => logger.debug('punch-channel-unclosed', { reason: messageOf(error) }))
  }
}

/**
 * Hands the offer that comes to `answer`, which tells the own end and then waits until it may go; says why when it fails
 * before.
 */
export function answerOver(
  channel: Channel,
  logger: Logger,
  answer: (
    offered: PunchEnd,
    tellAndWait: (own: PunchEnd, signal: AbortSignal) => Promise<void>,
  ) => Promise<void>,
): void {
  const frames = new Frames(channel)
  let told = false
  const run = async (): Promise<void> => {
    const message = await frames.next()
    if (message.type !== 'punch-offer')
      throw new ShoalError('bad-frame', `'${message.type}' does not ask for a connection`)
    await answer(message, async (own, signal) => {
      told = true
      const [go] = await Promise.all([
        frames.next(signal),
        channel.send(...encodePunch({ type: 'punch-answer', ...own })),
      ])
      if (go.type !== 'punch-go')
        throw new ShoalError('bad-frame', `'${go.type}' came where 'punch-go' was expected`)
    })
  }
  run().catch(async (error: unknown) => {
    logger.debug('punch-not-answered', { peer: channel.remotePeer, reason: messageOf(error) })
    if (told || channel.closed) return
    const { code, message } =
      error instanceof ShoalError ? error : new ShoalError('internal', messageOf(error))
    await channel
      .send(...encodePunch({ type: 'refused', code, message, definite: true }))
      .catch((failure: unknown) => logger.debug('punch-not-refused', { reason: messageOf(failure) }))
  })
}

/** The messages of a channel, one after the other; whoever sends more than is expected loses it. */
class Frames {
  readonly #peer: string
  #come = Promise.withResolvers<Uint8Array>()
  #isTaken = true

  constructor(channel: Channel) {
    this.#peer = channel.remotePeer
    this.#come.promise.catch(() => undefined)
    channel.onFrame((frame) => {
      if (!this.#isTaken) throw new ShoalError('bad-frame', 'a second message came before an answer')
      this.#isTaken = false
      this.#come.resolve(frame)
    })
    channel.onClose((error) =>
      this.#come.reject(
        error ?? new ShoalError('peer-vanished', `${this.#peer} closed the channel before it was done`),
      ),
    )
  }

  /** @throws {ShoalError} `bad-frame`, `peer-vanished`; the signal's reason */
  async next(signal?: AbortSignal): Promise<PunchMessage> {
    const aborted = Promise.withResolvers<never>()
    const stop = onAbort(signal, () => aborted.reject(signal?.reason))
    try {
      const frame = await Promise.race([this.#come.promise, aborted.promise])
      this.#come = Promise.withResolvers<Uint8Array>()
      this.#come.promise.catch(() => undefined)
      this.#isTaken = true
      return decodePunch(frame)
    } finally {
      stop()
    }
  }
}
