import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { bridgeAddresses } from './interfaces.ts'
import { announcedAddresses } from './reach.ts'
import { RelayPace } from './relay-pace.ts'

const relayed = '/ip4/203.0.113.9/tcp/4001/p2p/12D3KooWRelay/p2p-circuit'

test('addresses of the internet are told first, then those through relays, then those of local networks', () => {
  expect(
    announcedAddresses([
      '/ip4/127.0.0.1/tcp/4001',
      '/ip4/192.168.1.5/tcp/4001',
      relayed,
      '/ip6/2a00:1450:4001::5/tcp/4001',
    ]),
  ).toEqual(['/ip6/2a00:1450:4001::5/tcp/4001', relayed, '/ip4/192.168.1.5/tcp/4001'])
})

test('link-local addresses and those of container bridges are not told', () => {
  const bridges = bridgeAddresses({
    docker0: [{ address: '172.17.0.1' }],
    'vEthernet (WSL)': [{ address: '172.20.0.1' }],
    eth0: [{ address: '172.16.0.7' }],
  })
  expect(
    announcedAddresses(
      [
        '/ip4/172.17.0.1/tcp/4001',
        '/ip4/172.20.0.1/tcp/4001',
        '/ip4/169.254.7.7/tcp/4001',
        '/ip6/fe80::1/tcp/4001',
        '/ip4/172.16.0.7/tcp/4001',
      ],
      bridges,
    ),
  ).toEqual(['/ip4/172.16.0.7/tcp/4001'])
})

test('a node that only its own machine reaches tells its loopback address', () => {
  expect(announcedAddresses(['/ip4/127.0.0.1/tcp/4001'])).toEqual(['/ip4/127.0.0.1/tcp/4001'])
})

test('a relay waits when the burst is used, and no longer than the bytes cost', () => {
  const clock = createVirtualClock()
  const pace = new RelayPace({ bytesPerSecond: 1000, burstBytes: 500 }, clock)
  expect([pace.charge(500), pace.charge(250), pace.charge(250)]).toEqual([0, 250, 500])
})
