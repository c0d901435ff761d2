import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomModel, smallLlama } from '../testing/random-model.ts'
import { residentWeightBytes } from './memory-estimate.ts'
import { streamingWindow } from './streaming-window.ts'

const packed = randomModel({ ...smallLlama, blockCount: 6 }, 'int4:32')
packed.remove()
const { manifest } = packed.manifest
const span = { start: 0, end: 6 }
const whole = residentWeightBytes(manifest, span)

test('a span that fits is not streamed', () => {
  expect(streamingWindow(manifest, span, whole / 0.8 + 1)).toBeNull()
  expect(streamingWindow(manifest, span, whole / 0.8 - 1)).not.toBeNull()
})

test('a window has one block at least, and leaves half of the budget where it has more', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.21, max: 1.25, noNaN: true }), (share) => {
      const freeBytes = share * whole
      const window = streamingWindow(manifest, span, freeBytes)
      if (window === null) return
      expect(window.residentBlocks).toBeLessThan(5)
      expect(window.windowBytes).toBeCloseTo(((window.residentBlocks + 1) * whole) / 6)
      expect(window.windowBytes).toBeLessThanOrEqual((window.residentBlocks === 0 ? 0.8 : 0.5) * freeBytes)
    }),
  )
})

test('less memory than a block and some KV cache take is refused with the way out', () => {
  expect(() => streamingWindow(manifest, span, whole / 6)).toThrow(
    expect.objectContaining({ code: 'no-capacity', message: expect.stringContaining('--memory') as string }),
  )
})
