import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { ApiServer } from '../../api/server.ts'

/**
 * The link whose holder may lend a tab. The token stands behind `#`, so that a browser sends it to nobody, and no log or
 * proxy has it. A server on all interfaces is named by an address that others of its network reach.
 */
export function lendLink(
  { host, port, url }: Pick<ApiServer, 'host' | 'port' | 'url'>,
  token: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): string {
  const near = Object.values(interfaces).flatMap((entries = []) =>
    entries.filter(({ internal, address }) => !internal && isIP(address) === 4).map(({ address }) => address),
  )
  const base = host === '0.0.0.0' || host === '::' ? `http://${near[0] ?? 'localhost'}:${port}` : url
  return `${base}/lend#${token}`
}
