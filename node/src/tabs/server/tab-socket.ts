import type { WebSocket } from 'ws'
import { messageOf, ShoalError } from '@shoal/host'
import { decodeFrame, encodeFrame, type RemoteEngine } from '@shoal/runtime'
import { tabLimits } from '../limits.ts'

export type TabMessage = Readonly<Record<string, unknown>>

/** The socket of a tab, as messages. Whatever breaks a rule ends it. */
export interface TabSocket extends RemoteEngine {
  /** The one listener for messages of the tab. What it throws ends the socket. */
  onMessage(listener: (message: TabMessage) => void): void
}

/** Bytes of the reason with which a WebSocket is closed (RFC 6455, section 5.5). */
const reasonBytesMax = 123
/** The code of an application. */
const refused = 4000

export function createTabSocket(socket: WebSocket): TabSocket {
  const ended = new AbortController()
  let listener: (message: TabMessage) => void = () => undefined
  const end = (error: ShoalError): void => {
    if (ended.signal.aborted) return
    ended.abort(error)
    socket.close(
      refused,
      Buffer.from(error.message).subarray(0, reasonBytesMax).toString('utf8').replace(/�$/, ''),
    )
    // A page that does not answer the end would hold the socket for half a minute.
    socket.terminate()
  }
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (ended.signal.aborted) return
    try {
      if (!isBinary) throw new ShoalError('bad-frame', 'a frame is not binary')
      const message = decodeFrame(data, {
        bytesMax: tabLimits.frameBytesMax,
        headBytesMax: tabLimits.headBytesMax,
      })
      if (message['kind'] !== 'reply' && data.length > 2 * tabLimits.headBytesMax)
        throw new ShoalError('bad-frame', `only replies have more than ${2 * tabLimits.headBytesMax} bytes`)
      listener(message)
    } catch (error) {
      end(
        error instanceof ShoalError ? error : new ShoalError('bad-frame', messageOf(error), { cause: error }),
      )
    }
  })
  socket.on('close', () => end(new ShoalError('not-ready', 'the tab was closed')))
  socket.on('error', (error) =>
    end(new ShoalError('not-ready', `the tab's connection broke: ${error.message}`)),
  )
  return {
    ended: ended.signal,
    end,
    send(message) {
      if (!ended.signal.aborted) socket.send(encodeFrame(message))
    },
    waitingBytes: () => socket.bufferedAmount,
    onMessage(next) {
      listener = next
    },
  }
}
