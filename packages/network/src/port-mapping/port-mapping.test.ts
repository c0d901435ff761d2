import { seededRandom, silentLogger, type Clock } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import * as fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { limits } from '../limits.ts'
import { gatewayOf } from './gateway.ts'
import { readPcpMap, readPmpAddress, readPmpMap } from './messages.ts'
import { placeToMap } from './place-to-map.ts'
import { PortMapping } from './port-mapping.ts'
import { startTestRouter, type TestRouter, type TestRouterOptions } from './testing/test-router.ts'
import { locationIn } from './upnp-search.ts'
import { serviceIn } from './upnp-service.ts'

const place = { ip: '127.0.0.1', port: 4001 }
const routers: TestRouter[] = []
afterEach(() => routers.splice(0).forEach((router) => router.close()))

/** Real sockets, and hours that pass at once: only what is due is asked of this clock. */
function fastClock(): Clock & { skip(ms: number): void } {
  let skippedMs = 0
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + skippedMs,
    after: (delayMs, action, options) => systemClock.after(delayMs / 10, action, options),
    skip: (ms) => void (skippedMs += ms),
  }
}

async function world(options: TestRouterOptions) {
  const router = await startTestRouter(options)
  routers.push(router)
  const clock = fastClock()
  const mapping = new PortMapping({ clock, random: seededRandom(1), logger: silentLogger }, router.places)
  const settled = (): Promise<void> =>
    vi.waitFor(() => expect(mapping.status().state).toMatch(/mapped|none/), { timeout: 5000, interval: 5 })
  mapping.turn(place)
  await settled()
  return { router, clock, mapping, settled }
}

describe.each(['pcp', 'nat-pmp', 'upnp'] as const)('a router that speaks %s', (speaks) => {
  test('forwards the port of the node, again after it has forgotten that, until the node leaves', async () => {
    const { router, clock, mapping } = await world({ speaks })
    expect(mapping.status()).toMatchObject({
      state: 'mapped',
      protocol: speaks,
      address: '/ip4/203.0.112.7/tcp/4001',
    })
    expect([...router.mappings]).toEqual([[4001, { internal: 4001, seconds: limits.portMappingMs / 1000 }]])
    router.mappings.clear()
    mapping.turn(place)
    clock.skip(limits.portMappingRenewMs)
    mapping.turn(place)
    await vi.waitFor(() => expect(router.mappings.size).toBe(1), { timeout: 5000, interval: 5 })
    await vi.waitFor(
      () => {
        mapping.turn({ ...place, port: 4002 })
        expect([...router.mappings.keys()]).toEqual([4002])
      },
      { timeout: 5000, interval: 5 },
    )
    await vi.waitFor(() => expect(mapping.status().address).toContain('4002'), { timeout: 5000, interval: 5 })
    await mapping.close()
    expect(router.mappings.size).toBe(0)
  })

  test('gives another port where its own is taken, and an address behind a second router is not used', async () => {
    const { mapping } = await world({ speaks, taken: [4001] })
    expect(mapping.status().address).toBe('/ip4/203.0.112.7/tcp/4002')
    const second = await world({ speaks, external: '100.64.3.4' })
    expect(second.mapping.status()).toMatchObject({ state: 'none', address: null })
    expect(second.mapping.status().why).toContain('a second router')
    expect(second.router.mappings.size).toBe(0)
  })

  test('refuses, and is asked again later', async () => {
    const { router, clock, mapping, settled } = await world({ speaks, refuses: 2 })
    expect(mapping.status().state).toBe('none')
    expect(mapping.status().why).toMatch(/refuses/)
    mapping.turn(place)
    expect(mapping.status().state).toBe('none')
    clock.skip(limits.portMappingRetryMsMin)
    mapping.turn(place)
    await vi.waitFor(() => expect(mapping.status().state).toBe('asking'))
    await settled()
    expect(router.mappings.size).toBe(0)
  })
})

test('a lost packet is sent again; without a router, and without a need, the status says so', async () => {
  const { mapping } = await world({ speaks: 'nat-pmp', loses: 2 })
  expect(mapping.status().state).toBe('mapped')
  mapping.turn(null)
  await vi.waitFor(() => expect(mapping.status().state).toBe('not-needed'))
  const alone = await world({ speaks: 'pcp', loses: 99 })
  expect(alone.mapping.status()).toMatchObject({
    state: 'none',
    why: expect.stringContaining('no router') as string,
  })
})

test('an answer leads only to its own sender, in a local network', () => {
  const answer = (location: string): string =>
    `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: ${location}\r\n\r\n`
  expect(locationIn(answer('http://192.168.1.1:80/d.xml'), '192.168.1.1')?.href).toBe(
    'http://192.168.1.1/d.xml',
  )
  expect(locationIn(answer('http://127.0.0.1:8090/'), '192.168.1.1')).toBeNull()
  expect(locationIn(answer('https://192.168.1.1/'), '192.168.1.1')).toBeNull()
  expect(locationIn(answer('http://203.0.113.1/'), '203.0.113.1')).toBeNull()
  const service = (url: string): string =>
    `<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>${url}</controlURL></service>`
  const from = new URL('http://192.168.1.1/d.xml')
  expect(serviceIn(service('/ctl?a=1&amp;b=2'), from)?.control.href).toBe('http://192.168.1.1/ctl?a=1&b=2')
  expect(serviceIn(service('http://127.0.0.1/ctl'), from)).toBeNull()
})

test('no packet and no text of a router ends the node', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.string({ maxLength: 400 }), (packet, text) => {
      for (const head of [[], [0, 128, 0, 0], [0, 130, 0, 0], [2, 129, 0, 0]]) {
        const bytes = Uint8Array.of(...head, ...packet)
        readPmpAddress(bytes)
        readPmpMap(bytes, 4001)
        readPcpMap(bytes, 4001, new Uint8Array(12))
      }
      locationIn(text, '192.168.1.1')
      serviceIn(`<service>${text}<serviceType>${text}</serviceType>`, new URL('http://192.168.1.1/'))
    }),
  )
})

test('a port is wanted only where this node listens in a local network with a router, and nowhere else', () => {
  const at = (...ips: string[]): string[] =>
    ips.map((ip) => `/ip4/${ip}/tcp/4001/p2p/12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu`)
  const bridges = new Set(['172.17.0.1'])
  const wanted = (addresses: string[], hasGateway = true) => placeToMap(addresses, bridges, () => hasGateway)
  expect(wanted(at('127.0.0.1', '172.17.0.1', '192.168.1.5'))).toEqual({ ip: '192.168.1.5', port: 4001 })
  expect(wanted(at('192.168.1.5', '203.0.112.9'))).toBeNull()
  expect(wanted(at('127.0.0.1', '169.254.3.4', '172.17.0.1'))).toBeNull()
  expect(wanted(at('192.168.1.5'), false)).toBeNull()
  expect(wanted(['/ip6/2a05:5:5:5::1/tcp/4001', ...at('10.0.0.5')])).toEqual({ ip: '10.0.0.5', port: 4001 })
})

test('the gateway is that of the interface which has the address', () => {
  const of = (address: string, netmask = '255.255.255.0') => [{ address, netmask, family: 'IPv4' }]
  const interfaces = { eth0: of('192.168.1.5'), docker0: of('172.17.0.1', '255.255.0.0') }
  const routes =
    'Iface\tDestination\tGateway\tFlags\neth0\t00000000\tFE01A8C0\t0003\ndocker0\t000011AC\t00000000\t0001\n'
  expect(gatewayOf('192.168.1.5', routes, interfaces)).toBe('192.168.1.254')
  expect(gatewayOf('172.17.0.1', routes, interfaces)).toBeNull()
  expect(gatewayOf('192.168.1.5', null, interfaces)).toBe('192.168.1.1')
  expect(gatewayOf('10.9.9.9', routes, interfaces)).toBeNull()
})
