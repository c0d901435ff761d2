import { createSocket } from 'node:dgram'
import { sleep, type Clock } from '@shoal/host'
import { isNear } from '../direct/near.ts'
import { limits } from '../limits.ts'
import type { Place } from './messages.ts'

/** Device types of home routers; one of the second version answers for both. */
const wanted = [1, 2].map((version) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`)

const question = (type: string): string =>
  [
    'M-SEARCH * HTTP/1.1',
    'HOST: 239.255.255.250:1900',
    'MAN: "ssdp:discover"',
    'MX: 2',
    `ST: ${type}`,
    '',
    '',
  ].join('\r\n')

/**
 * Where the descriptions of this network's routers are (SSDP of UPnP).
 * @param own the address of this machine from which to ask
 */
export async function searchRouters(own: string, search: Place, clock: Clock): Promise<readonly URL[]> {
  const socket = createSocket('udp4')
  const found = new Map<string, URL>()
  const first = Promise.withResolvers<void>()
  socket.on('error', () => first.resolve())
  socket.on('message', (packet, { address }) => {
    const location = locationIn(packet.toString('latin1'), address)
    if (location === null || found.size >= limits.routersAsked) return
    found.set(location.href, location)
    first.resolve()
  })
  try {
    await new Promise<void>((resolve) => {
      socket.once('error', () => resolve())
      socket.bind(0, own, resolve)
    })
    for (const type of wanted) socket.send(question(type), search.port, search.ip, () => undefined)
    const waitMs = limits.routerSearchMs
    await Promise.race([first.promise.then(() => sleep(clock, waitMs / 10)), sleep(clock, waitMs)])
    return [...found.values()]
  } finally {
    socket.close()
  }
}

/**
 * The place of a description. Whoever answers could name any place, at which this machine would then ask; so it must be the
 * one that answers, in a local network.
 * @param sender IP address of the answer
 */
export function locationIn(answer: string, sender: string): URL | null {
  if (!/^HTTP\/1\.\d 200/.test(answer) || !/^ST:.*InternetGatewayDevice:/im.test(answer)) return null
  const text = /^LOCATION:\s*(\S+)/im.exec(answer)?.[1]
  const url = text === undefined ? null : URL.parse(text)
  return url !== null && url.protocol === 'http:' && url.hostname === sender && isNear(sender) ? url : null
}
