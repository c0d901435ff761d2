import { freeMemory } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFrameReader, packFrame, packGoodbye, packGrant, type FrameEvents } from './frame-reader.ts'

type Seen = { frame: Uint8Array } | { granted: number } | 'farewell' | { refused: number }

function readAll(
  pieces: readonly Uint8Array[],
  limitBytes = 1 << 20,
): { seen: Seen[]; frames: Uint8Array[] } {
  const seen: Seen[] = []
  const frames: Uint8Array[] = []
  const events: FrameEvents = {
    admit(length) {
      if (length > limitBytes) seen.push({ refused: length })
      return length <= limitBytes
    },
    frame(frame) {
      seen.push({ frame })
      frames.push(frame)
    },
    granted: (granted) => void seen.push({ granted }),
    farewell: () => void seen.push('farewell'),
    failed: (error) => {
      throw error
    },
  }
  const reader = createFrameReader(events)
  for (const piece of pieces) reader.read(piece)
  return { seen, frames }
}

/** Cuts bytes at arbitrary places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

describe('frame reader', () => {
  test('gives back what was packed, however the stream is cut', () => {
    const item = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((frame) => ({ frame })),
      fc.integer({ min: 0, max: 0x7ffffffe }).map((granted) => ({ granted })),
    )
    const property = fc.property(
      fc.array(item, { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (items, places) => {
        const packed = items.map((one) =>
          'frame' in one ? packFrame([one.frame], one.frame.length) : packGrant(one.granted),
        )
        const stream = new Uint8Array(Buffer.concat([...packed, packGoodbye()]))
        const { seen, frames } = readAll(cut(stream, places))
        expect(seen).toEqual([...items, 'farewell'])
        expect(
          frames.every((frame) => frame.byteOffset === 0 && frame.buffer.byteLength === frame.length),
        ).toBe(true)
      },
    )
    fc.assert(property)
  })

  test('a frame may be freed at once, before what came with it is read, and that before the next frame', () => {
    const sizes = [5000, 5000, 9000, 20_000]
    const stream = new Uint8Array(
      Buffer.concat(sizes.map((size, index) => packFrame([new Uint8Array(size).fill(index + 1)], size))),
    )
    const seen: string[] = []
    const reader = createFrameReader({
      admit: () => true,
      frame(frame) {
        seen.push(`${frame.length} of ${frame[0]} to ${frame.at(-1)}`)
        freeMemory(frame.buffer)
      },
      granted: () => undefined,
      farewell: () => undefined,
      failed: () => undefined,
    })
    for (const piece of [stream.slice(0, 15_000), stream.slice(15_000)]) {
      reader.read(piece)
      freeMemory(piece.buffer)
    }
    expect(seen).toEqual(['5000 of 1 to 1', '5000 of 2 to 2', '9000 of 3 to 3', '20000 of 4 to 4'])
  })

  test('joins the parts behind the length', () => {
    const packed = packFrame([new Uint8Array([1]), new Uint8Array(0), new Uint8Array([2, 3])], 3)
    expect(Buffer.from(packed).toString('hex')).toBe('03000000010203')
    expect(Buffer.from(packGrant(0x01020304)).toString('hex')).toBe('04030281')
    expect(Buffer.from(packGoodbye()).toString('hex')).toBe('ffffffff')
  })

  test('asks before it allocates, and reads nothing after a refusal', () => {
    const stream = new Uint8Array(
      Buffer.concat([packFrame([new Uint8Array(3)], 3), Buffer.from('ffffff7f', 'hex'), packFrame([], 0)]),
    )
    const before = process.memoryUsage().arrayBuffers
    expect(readAll([stream]).seen).toEqual([{ frame: new Uint8Array(3) }, { refused: 0x7fffffff }])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })

  test('reads nothing after goodbye', () => {
    const stream = new Uint8Array(Buffer.concat([packGoodbye(), packFrame([new Uint8Array(3)], 3)]))
    expect(readAll([stream]).seen).toEqual(['farewell'])
  })

  test('holds a large frame once while it grows: 32 MiB in pieces of 1,400 bytes', () => {
    const frame = new Uint8Array(32 << 20).fill(7)
    const stream = packFrame([frame], frame.length)
    const pieces = Array.from({ length: Math.ceil(stream.length / 1400) }, (_, index) =>
      stream.subarray(index * 1400, (index + 1) * 1400),
    )
    const before = process.memoryUsage().arrayBuffers
    const { frames } = readAll(pieces, 64 << 20)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(33 << 20)
    expect(Buffer.compare(frames[0] ?? new Uint8Array(0), frame)).toBe(0)
  })

  test('what handling a frame throws is reported, nothing behind it is read, and the socket that reads is not told', () => {
    const seen: unknown[] = []
    const failure = new RangeError('Array buffer allocation failed')
    const reader = createFrameReader({
      admit: () => true,
      frame() {
        seen.push('frame')
        throw failure
      },
      granted: () => void seen.push('granted'),
      farewell: () => void seen.push('farewell'),
      failed: (error) => void seen.push(error),
    })
    reader.read(
      new Uint8Array(Buffer.concat([packFrame([new Uint8Array(1)], 1), packGrant(1), packGoodbye()])),
    )
    reader.read(packGrant(1))
    expect(seen).toEqual(['frame', failure])
  })
})
