import { createSocket } from 'node:dgram'
import { createVirtualClock, silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { findMapping } from './stun-client.ts'
import {
  encodeBindingAnswer,
  encodeBindingRequest,
  readBindingAnswer,
  readBindingRequest,
} from './stun-message.ts'
import { StunServer } from './stun-server.ts'
import { UdpPace } from './udp-pace.ts'

const transaction = Uint8Array.from({ length: 12 }, (_, index) => index)

test.each([
  { ip: '203.0.113.9', port: 40_000 },
  { ip: '2001:db8:0:0:0:0:0:1', port: 1 },
])('an answer tells %o, and is at most 24 bytes longer than a bare question', (seen) => {
  const answer = encodeBindingAnswer(transaction, seen, null)
  expect(readBindingAnswer(answer, transaction)).toEqual({ seen, other: null })
  expect(answer.length).toBeLessThanOrEqual(20 + 24)
  const other = { ip: '0.0.0.0', port: 7 }
  const whole = encodeBindingAnswer(transaction, seen, other)
  expect(readBindingAnswer(whole, transaction)).toEqual({ seen, other })
  expect(whole.length).toBeLessThanOrEqual(encodeBindingRequest(transaction).length)
  expect(readBindingAnswer(answer, new Uint8Array(12))).toBeNull()
})

test('any packet is read or ignored', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (tail) => {
      for (const head of [
        encodeBindingRequest(transaction),
        encodeBindingAnswer(transaction, { ip: '1.2.3.4', port: 5 }, null),
      ]) {
        const packet = new Uint8Array([...head.subarray(0, 20), ...tail])
        new DataView(packet.buffer).setUint16(2, tail.length)
        readBindingRequest(packet)
        readBindingAnswer(packet, transaction)
      }
    }),
  )
})

test('answers have a rate for each network, and for all', () => {
  const clock = createVirtualClock()
  const pace = new UdpPace({ atOnce: 4, perSecond: 2 }, { atOnce: 2, perSecond: 1 }, clock)
  expect(['a', 'a', 'a', 'b', 'b', 'c'].map((network) => pace.take(network))).toEqual([
    true,
    true,
    false,
    true,
    true,
    false,
  ])
  clock.advance(1000)
  expect(['a', 'a', 'c', 'c'].map((network) => pace.take(network))).toEqual([true, false, true, false])
})

test('a peer learns from a relay how it is shown, and whether its port varies; a silent server is said to be so', async () => {
  const probe = createSocket('udp4').bind(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address()
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  const server = new StunServer(systemClock, silentLogger)
  await server.listen('127.0.0.1', port)
  const place = { ip: '127.0.0.1', port }
  try {
    expect(await findMapping([place], { clock: systemClock, random: systemRandom })).toEqual({
      server: place,
      varies: false,
    })
  } finally {
    server.close()
  }
  const clock = {
    ...systemClock,
    after: (delayMs: number, action: () => void) => systemClock.after(delayMs / 20, action),
  }
  expect(limits.stunWaitsMs.length).toBe(3)
  await expect(findMapping([place], { clock, random: systemRandom })).rejects.toThrow('no relay tells')
})
