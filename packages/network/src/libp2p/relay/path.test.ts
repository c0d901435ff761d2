import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { directFirst, pathOf } from './path.ts'

const relay = '12D3KooWSNHghgEVJrw2pmQLZQaPVtmNBh8PPu75o8HZPL7kwYgv'
const peer = '12D3KooWB21kbMG1CpxipsAiYT6v2XHfQRC7eixdCkyCV87V1TyB'
const connection = (address: string, open: number): Connection =>
  ({ remoteAddr: multiaddr(address), timeline: { open } }) as unknown as Connection

test('a direct connection comes before a punched one and that before a relayed one, whichever is newer', () => {
  const direct = connection(`/ip4/203.0.113.9/tcp/4001/p2p/${peer}`, 2)
  const older = connection(`/ip4/203.0.113.9/tcp/4002/p2p/${peer}`, 1)
  const punched = connection(`/ip4/198.51.100.7/udp/40000/webrtc/p2p/${peer}`, 3)
  const relayed = connection(`/ip4/203.0.113.1/tcp/4001/p2p/${relay}/p2p-circuit/p2p/${peer}`, 4)
  expect([relayed, punched, older, direct].sort(directFirst)).toEqual([direct, older, punched, relayed])
  expect([relayed, punched, direct].map((one) => pathOf(one))).toEqual([
    { kind: 'relayed', relay },
    { kind: 'punched', relay: null },
    { kind: 'direct', relay: null },
  ])
})
