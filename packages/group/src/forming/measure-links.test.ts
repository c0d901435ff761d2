import { createVirtualClock, seededRandom, silentLogger, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { encodeGroup, limits, protocols, type GroupMessage } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { createEcho } from '../rank/echo.ts'
import { groupLimits } from '../limits.ts'
import { measureLinks } from './measure-links.ts'
import { createRankLink } from '../rank-link.ts'

interface Shape {
  readonly latencyMs: number
  readonly bytesPerSecond: number
}

/** A leader and one peer per link that answers echoes, in virtual time. */
function createLinks(shapes: readonly Shape[]) {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({
    clock,
    random: seededRandom(1),
    shapeOf: (from, to) => shapes[Number(from === 'leader' ? to : from)]!,
  })
  const leader = network.createTransport('leader')
  const members = shapes.map((_, index) => network.createTransport(String(index)))
  for (const member of members) {
    member.handle(protocols.group, (channel) => {
      const link = createRankLink(channel, silentLogger)
      link.onMessage(createEcho(link))
    })
  }
  const peers = members.map((transport) => ({ peer: transport.peerId, addresses: transport.addresses() }))
  const settle = async <Result>(doing: Promise<Result>): Promise<Result> => {
    let over = false
    const done = doing.finally(() => (over = true))
    done.catch(() => undefined)
    // Everything that takes no virtual time happens before the clock moves on.
    for (;;) {
      await sleep(systemClock, 0)
      if (over) return done
      clock.step()
    }
  }
  return {
    clock,
    network,
    leader,
    members,
    peers,
    settle,
    close: () => Promise.all([leader, ...members].map((transport: Transport) => transport.close())),
  }
}

const { signal } = new AbortController()

test.each<[string, readonly Shape[], number, number]>([
  ['a link of 1 Gbit/s and 0.15 ms', [{ latencyMs: 0.15, bytesPerSecond: 125e6 }], 0.3, 4e-6],
  [
    'two links, of which the slower one counts in each respect',
    [
      { latencyMs: 10, bytesPerSecond: 125e6 },
      { latencyMs: 1, bytesPerSecond: 12.5e6 },
    ],
    20,
    4e-5,
  ],
])('round trip and time per byte of %s', async (_name, shapes, roundTripMs, msPerByte) => {
  const { leader, clock, peers, settle, close } = createLinks(shapes)
  const costs = await settle(measureLinks({ transport: leader, clock }, peers, signal))
  expect(costs.roundTripMs).toBeCloseTo(roundTripMs, 2)
  expect(costs.msPerByte / msPerByte).toBeCloseTo(1, 2)
  expect(costs.parallel).toBe(shapes.length + 1)
  await close()
})

test('over a slow link one echo suffices: 128 KiB there and back at 1 Mbit/s take two seconds', async () => {
  const { leader, clock, network, peers, settle, close } = createLinks([
    { latencyMs: 20, bytesPerSecond: 125e3 },
  ])
  const { msPerByte } = await settle(measureLinks({ transport: leader, clock }, peers, signal))
  expect(msPerByte / 4e-3).toBeCloseTo(1, 2)
  expect(network.sentBytes('leader', '0')).toBeLessThan(1.1 * limits.maxEchoBytes)
  expect(clock.nowMs()).toBeLessThan(2500)
  await close()
})

test('the error for a member that does not answer names its rank', async () => {
  const fast = { latencyMs: 0, bytesPerSecond: 1e9 }
  const { leader, clock, members, peers, settle, close } = createLinks([fast, fast])
  await members[1]!.close()
  await expect(settle(measureLinks({ transport: leader, clock }, peers, signal))).rejects.toMatchObject({
    rank: 2,
    name: 'ShoalError',
  })
  await close()
})

const echo: GroupMessage = { type: 'group-echo', request: 0 }

test.each<[string, readonly GroupMessage[], string]>([
  [
    'more echoes than a measurement needs',
    Array.from({ length: groupLimits.echoesMax + 1 }, () => echo),
    'limit-exceeded',
  ],
  ['any other message', [echo, { type: 'group-connect', request: 1 }], 'bad-frame'],
])('a channel for echoes is ended by %s', async (_name, messages, code) => {
  const { leader, network, members, peers, settle, close } = createLinks([
    { latencyMs: 0, bytesPerSecond: 1e9 },
  ])
  let reason: unknown
  members[0]!.handle(protocols.group, (channel) => {
    channel.onClose((error) => (reason = error))
    const link = createRankLink(channel, silentLogger)
    link.onMessage(createEcho(link))
  })
  leader.learn('0', peers[0]!.addresses)
  const channel = await settle(leader.open('0', protocols.group, { signal }))
  const ended = new Promise((resolve) => channel.onClose(resolve))
  for (const message of messages) void channel.send(...encodeGroup(message)).catch(() => undefined)
  expect(await settle(ended)).toBeInstanceOf(Error)
  expect(reason).toMatchObject({ code })
  expect(network.sentBytes('0', 'leader')).toBeLessThanOrEqual(groupLimits.echoesMax * 32)
  await close()
})
