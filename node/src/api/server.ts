import { createAdaptorServer } from '@hono/node-server'
import type { Server } from 'node:http'
import type { Hono } from 'hono'
import { ShoalError, type Logger } from '@shoal/host'
import { isLoopbackName } from './access.ts'
import { limitConnections } from './connection-places.ts'
import { apiLimits } from './limits.ts'
import type { OnUpgrade } from '../tabs/server/upgrade.ts'

export interface ApiServer {
  readonly host: string
  readonly port: number
  readonly url: string
  /** Ends running answers and frees the port. */
  close(): Promise<void>
}

/** Ports tried after the one asked for: more means that something else is wrong. */
const portsTried = 20

/**
 * Listens on `host:port`; a taken port moves to the next free one and says so. Port 0 takes any.
 * @param onUpgrade takes WebSockets; without it there are none
 * @throws {ShoalError} `in-use` when none of the next ports is free, `bad-request` for an address that is not this machine's
 */
export async function listen(
  app: Hono,
  host: string,
  port: number,
  logger: Logger,
  onUpgrade?: OnUpgrade,
): Promise<ApiServer> {
  const tries = port === 0 ? 1 : portsTried
  for (let candidate = port; candidate < port + tries && candidate <= 65_535; candidate += 1) {
    const server = await tryListen(app, host, candidate, logger, onUpgrade)
    if (server === null) continue
    if (port !== 0 && candidate !== port) logger.warn('port-taken', { asked: port, used: server.port })
    return server
  }
  throw new ShoalError(
    'in-use',
    `ports ${port} to ${port + tries - 1} of ${host} are taken; choose another with --api HOST:PORT`,
  )
}

/** Null when the port is taken. */
function tryListen(
  app: Hono,
  host: string,
  port: number,
  logger: Logger,
  onUpgrade: OnUpgrade | undefined,
): Promise<ApiServer | null> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      headersTimeout: apiLimits.headersTimeoutMs,
      requestTimeout: apiLimits.requestTimeoutMs,
      connectionsCheckingInterval: apiLimits.timeoutCheckMs,
      keepAliveTimeout: apiLimits.idleConnectionMs,
      maxHeaderSize: apiLimits.maxHeaderBytes,
    },
  })
  limitConnections(server as Server, apiLimits.maxConnections)
  if (onUpgrade !== undefined) server.on('upgrade', onUpgrade)
  return new Promise((resolve, reject) => {
    const failedToListen = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else
        reject(
          new ShoalError('bad-request', `cannot listen on ${host}:${port}: ${error.message}`, {
            cause: error,
          }),
        )
    }
    server.once('error', failedToListen)
    server.listen(port, host, () => {
      server.off('error', failedToListen)
      // A connection that cannot be accepted, for lack of file descriptors say, must not end the program.
      server.on('error', (error) => logger.warn('api-listener-failed', { reason: error.message }))
      const address = server.address()
      const actual = typeof address === 'object' && address !== null ? address.port : port
      const shown = isLoopbackName(host)
        ? host === '::1'
          ? '[::1]'
          : host
        : host.includes(':')
          ? `[${host}]`
          : host
      resolve({
        host,
        port: actual,
        url: `http://${shown}:${actual}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            // Streams and kept-alive connections would hold the port until their clients leave.
            if ('closeAllConnections' in server) server.closeAllConnections()
          }),
      })
    })
  })
}
