import { expect, test } from 'vitest'
import { parseDevices } from '../devices.ts'
import { sketchCosts } from '../testing/sketches.ts'
import { predictByWire } from './by-wire.ts'

const devicesAt = (bandwidthMbit: number): string =>
  JSON.stringify({
    devices: ['a', 'b'].map((name) => ({ name, memory: '24MiB', decodeMsPerBlock: 1, bandwidthMbit })),
    defaultRttMs: 2,
  })

test('a smaller format is advised on slow links only, and float32 never', () => {
  const costs = sketchCosts(6)
  const advisedAt = (bandwidthMbit: number): string[] => {
    const snapshot = { ...parseDevices(devicesAt(bandwidthMbit)), costs: { ...costs, rowBytes: 16_384 } }
    const route = [
      { peer: 'a', start: 0, end: 3 },
      { peer: 'b', start: 3, end: 6 },
    ]
    const all = predictByWire(snapshot, route)
    expect(all[0]!.tpotMicros).toBeGreaterThan(0)
    expect(all.map(({ wire }) => wire)).toEqual(['f32', 'f16', 'int8'])
    // Smaller rows are never slower.
    for (const [index, { tpotMicros, ttftMicros }] of all.entries()) {
      expect(tpotMicros).toBeLessThanOrEqual(all[Math.max(0, index - 1)]!.tpotMicros)
      expect(ttftMicros).toBeLessThanOrEqual(all[Math.max(0, index - 1)]!.ttftMicros)
    }
    return all.filter(({ advised }) => advised).map(({ wire }) => wire)
  }
  expect(advisedAt(10)).toEqual(['f16', 'int8'])
  expect(advisedAt(100_000)).toEqual([])
})
