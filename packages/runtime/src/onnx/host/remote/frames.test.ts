import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFrame, encodeFrame } from './frames.ts'

const bounds = { bytesMax: 2 ** 20, headBytesMax: 2 ** 12 }

test('a message comes back as it was sent, whatever its arrays hold', () => {
  const floats = fc.float32Array({ maxLength: 40 })
  fc.assert(
    fc.property(fc.string(), floats, floats, (text, hidden, keys) => {
      const message = { kind: 'call', text, arguments: { hidden, window: { keys }, part: null } }
      const frame = encodeFrame(message)
      // A frame arrives as a view of a larger buffer.
      const larger = new Uint8Array(frame.length + 3)
      larger.set(frame, 3)
      expect(decodeFrame(larger.subarray(3), bounds)).toEqual(message)
      expect(decodeFrame(Buffer.from(frame), bounds)).toEqual(message)
    }),
  )
})

test('any other bytes are refused, and never anything but refused', () => {
  const frame = encodeFrame({ hidden: Float32Array.of(1, 2, 3) })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        fc
          .array(fc.tuple(fc.nat({ max: frame.length - 1 }), fc.nat({ max: 255 })), {
            minLength: 1,
            maxLength: 4,
          })
          .map((changes) => {
            const changed = frame.slice()
            for (const [at, byte] of changes) changed[at] = byte
            return changed
          }),
        fc.nat({ max: frame.length - 1 }).map((length) => frame.slice(0, length)),
      ),
      (bytes) => {
        try {
          expect(typeof decodeFrame(bytes, bounds)).toBe('object')
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-frame' })
        }
      },
    ),
  )
  expect(() => decodeFrame(frame, { ...bounds, bytesMax: 8 })).toThrow('bytes')
  expect(() => decodeFrame(frame, { ...bounds, headBytesMax: 8 })).toThrow('head')
})
