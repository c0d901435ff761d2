import { createHash, timingSafeEqual } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { messageOf, randomHex, ShoalError, type Logger, type Random } from '@shoal/host'
import { writeFileAtomically } from '@shoal/host/node'
import { controlLimits, controlPathOf } from './protocol.ts'

/** Does what a command asks of the running node. @throws {ShoalError} what the command then reports */
export type ControlHandler = (request: Readonly<Record<string, unknown>>) => Promise<object>

export interface ControlServerOptions {
  readonly dataFolder: string
  readonly random: Random
  readonly logger: Logger
  readonly handle: ControlHandler
}

/**
 * Lets commands of the same user talk to the node of a data directory: HTTP on a free port of loopback, with a token in a
 * file that only the user can read. Browsers cannot use it: every request must carry the token in a header.
 * @returns a function that ends it
 */
export async function serveControl(options: ControlServerOptions): Promise<() => Promise<void>> {
  const token = randomHex(options.random, 32)
  const server = createServer((request, response) => {
    answer(request, response, token, options).catch((error: unknown) => {
      options.logger.warn('control-failed', { reason: messageOf(error) })
      response.destroy()
    })
  })
  server.maxConnections = controlLimits.connections
  server.requestTimeout = controlLimits.timeoutMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port')
  const path = controlPathOf(options.dataFolder)
  try {
    writeFileAtomically(path, JSON.stringify({ port: address.port, token }), 0o600)
  } catch (error) {
    // A full disk, say: commands such as `shoal invite` do not reach this node then, and it serves as always.
    options.logger.warn('not-kept', { what: 'control', reason: messageOf(error) })
  }
  return async () => {
    rmSync(path, { force: true })
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  { handle }: ControlServerOptions,
): Promise<void> {
  const send = (status: number, value: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
  if (!sameToken(request.headers.authorization ?? '', `Bearer ${token}`)) {
    send(401, { error: { code: 'bad-request', message: 'the token is in control.json' } })
    return
  }
  try {
    send(200, await handle(await readBody(request)))
  } catch (error) {
    const code = error instanceof ShoalError ? error.code : 'internal'
    send(400, { error: { code, message: messageOf(error) } })
  }
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()
const sameToken = (a: string, b: string): boolean => timingSafeEqual(hashOf(a), hashOf(b))

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    const chunk = part as Buffer
    bytes += chunk.length
    if (bytes > controlLimits.maxBodyBytes) throw new ShoalError('limit-exceeded', 'the request is too long')
    parts.push(chunk)
  }
  const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ShoalError('bad-request', 'a request is an object')
  return value as Record<string, unknown>
}
