import { onAbort, ShoalError } from '@shoal/host'
import type { Channel } from '@shoal/network'

/** Hands over the frames of a channel one by one, for exchanges in which both sides take turns. */
export interface FrameTurns {
  /** @throws {ShoalError} `peer-vanished` when the channel ends first; what the signal says when it aborts */
  next(signal: AbortSignal): Promise<Uint8Array>
}

/** Frames that may wait for their turn: the other side never sends two in a row. */
const waitingFrames = 1

export function framesOf(channel: Channel): FrameTurns {
  const waiting: Uint8Array[] = []
  let wanted: PromiseWithResolvers<Uint8Array> | null = null
  let ended: Error | null = null
  channel.onFrame((frame) => {
    if (wanted === null && waiting.length >= waitingFrames)
      throw new ShoalError('bad-frame', 'a frame came out of turn')
    if (wanted === null) waiting.push(frame)
    else wanted.resolve(frame)
    wanted = null
  })
  channel.onClose((error) => {
    ended = error ?? new ShoalError('peer-vanished', `${channel.remotePeer} closed the channel`)
    wanted?.reject(ended)
  })
  return {
    async next(signal) {
      const frame = waiting.shift()
      if (frame !== undefined) return frame
      if (ended !== null) throw ended
      const turn = Promise.withResolvers<Uint8Array>()
      wanted = turn
      const stopListening = onAbort(signal, () => turn.reject(signal.reason))
      return await turn.promise.finally(stopListening)
    },
  }
}
