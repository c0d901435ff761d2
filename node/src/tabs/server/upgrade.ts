import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { messageOf, type Logger } from '@shoal/host'
import { checkOrigin, type AccessRules } from '../../api/access.ts'
import { ApiError } from '../../api/errors.ts'
import { tabLimits } from '../limits.ts'
import { tabProtocol } from '../messages.ts'
import type { TabDesk } from './tab-desk.ts'
import { createTabSocket } from './tab-socket.ts'

/** Takes a request that asks for another protocol than HTTP. */
export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/**
 * Lets tabs open a WebSocket at `/lend/socket`. The rules are those of the API, and the token of the link stands among the
 * protocols that the page names, since a page can send no header of its own.
 */
export function tabUpgrades(desk: TabDesk, rules: AccessRules, logger: Logger): OnUpgrade {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: tabLimits.frameBytesMax,
    // Rows do not compress, and each connection would have a window of 32 KB.
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(tabProtocol) ? tabProtocol : false),
  })
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    try {
      checkUpgrade(request, desk, rules)
    } catch (error) {
      const { status, message } =
        error instanceof ApiError ? error : { status: 400, message: messageOf(error) }
      logger.debug('tab-refused', { status, reason: message })
      const body = `${message}\n`
      // A server does not close while such a socket is open, and its other end may never close it.
      socket.once('finish', () => socket.destroy())
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      return
    }
    server.handleUpgrade(request, socket, head, (webSocket) => desk.accept(createTabSocket(webSocket)))
  }
}

/** @throws {ApiError} with what is wrong */
function checkUpgrade(request: IncomingMessage, desk: TabDesk, rules: AccessRules): void {
  if (request.url !== '/lend/socket') throw new ApiError(404, 'there is no WebSocket here')
  const headers = new Headers()
  for (const name of ['host', 'origin'] as const) {
    const value = request.headers[name]
    if (value !== undefined) headers.set(name, value)
  }
  checkOrigin(headers, rules)
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim())
  if (!protocols.includes(tabProtocol)) throw new ApiError(400, `this node speaks ${tabProtocol} with tabs`)
  const refusal = desk.refusal(protocols.find((each) => each !== tabProtocol) ?? '')
  if (refusal !== null) throw new ApiError(403, refusal)
}
