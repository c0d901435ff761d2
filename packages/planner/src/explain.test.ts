import { describe, expect, test } from 'vitest'
import { parseDevices } from './devices.ts'
import { explain } from './explain.ts'
import { sketchCosts } from './testing/sketches.ts'

const devices = JSON.stringify({
  devices: [
    { name: 'desk', memory: '24MiB', decodeMsPerBlock: 1, bandwidthMbit: 800 },
    { name: 'shelf', memory: '24 MiB', decodeMsPerBlock: 2 },
    { name: 'phone', memory: '12MB', decodeMsPerBlock: 20 },
  ],
  links: [{ between: ['desk', 'shelf'], rttMs: 0.5 }],
  defaultRttMs: 4,
})

describe('a devices file', () => {
  test('describes the members of a swarm', () => {
    const { members } = parseDevices(devices)
    expect(
      members.map(({ peerId, hardware, links }) => [
        peerId,
        hardware.memoryBytes,
        hardware.decodeMicrosPerBlock,
        links,
      ]),
    ).toEqual([
      ['desk', 24 * 2 ** 20, 1000, { shelf: 500, phone: 4000 }],
      ['phone', 12_000_000, 20_000, { desk: 4000, shelf: 4000 }],
      ['shelf', 24 * 2 ** 20, 2000, { desk: 500, phone: 4000 }],
    ])
  })

  test.each([
    ['[', 'not JSON'],
    ['[]', 'must be an object'],
    ['{"devices":[]}', 'must list'],
    ['{"devices":[{"name":"a","memory":"8 apples","decodeMsPerBlock":1}]}', 'devices[0].memory'],
    ['{"devices":[{"name":"a","memory":"8GiB","decodeMsPerBlock":0}]}', 'devices[0].decodeMsPerBlock'],
    [
      '{"devices":[{"name":"a","memory":1,"decodeMsPerBlock":1},{"name":"a","memory":1,"decodeMsPerBlock":1}]}',
      'same name',
    ],
    [
      '{"devices":[{"name":"a","memory":1,"decodeMsPerBlock":1}],"links":[{"between":["a","b"],"rttMs":1}]}',
      "'b'",
    ],
  ])('%s is refused with the name of the field', (text, why) => {
    expect(() => parseDevices(text)).toThrow(why)
  })
})

test('an explanation names the placements, their costs, and what each device adds', () => {
  const lines = explain({ ...parseDevices(devices), costs: sketchCosts(10) }, { objective: 'latency' })
  expect(lines[0]).toBe('plan for latency')
  expect(lines.some((line) => /desk {2}blocks \d+:\d+ {2}stage/.test(line))).toBe(true)
  expect(lines.some((line) => line.includes('ms per token'))).toBe(true)
  expect(lines.some((line) => line.includes('shelf: in'))).toBe(true)
  expect(lines.some((line) => line.includes('phone: a copy') || line.includes('phone: out'))).toBe(true)
  expect(explain({ ...parseDevices(devices), costs: sketchCosts(80) }, { objective: 'latency' }).at(-1)).toBe(
    'the devices cannot hold the model together',
  )
})
