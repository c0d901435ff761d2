import { ShoalError } from '@shoal/host'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeBlob,
  decodeHello,
  decodeMembers,
  decodeSession,
  decodeVocabulary,
  encodeBlob,
  encodeHello,
  encodeMembers,
  encodeSession,
  encodeVocabulary,
  hiddenRows,
  limits,
} from './index.ts'
import { splitFrame, type FrameParts } from './frame.ts'
import * as any from './testing/messages.ts'

/** Joins the parts at offset 0 of one buffer, as a channel does. */
function join(parts: FrameParts): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.byteLength
  }
  return joined
}

describe('a message is decoded as it was encoded', () => {
  test('hello', () => {
    fc.assert(
      fc.property(any.hello, (message) => {
        expect(decodeHello(join(encodeHello(message)))).toEqual(message)
      }),
    )
  })
  test('session messages without hidden states', () => {
    fc.assert(
      fc.property(any.plainSessionMessage, (message) => {
        const decoded = decodeSession(join(encodeSession(message)))
        expect(decoded.message).toEqual(message)
        expect(decoded.payload.length).toBe(0)
      }),
    )
  })
  test('step and result, whose hidden states are views of the frame', () => {
    fc.assert(
      fc.property(any.stepMessage, ({ message, hidden }) => {
        const frame = join(encodeSession(message, hidden))
        const decoded = decodeSession(frame)
        expect(decoded.message).toEqual(message)
        const rows = 'rows' in message ? message.rows : 0
        const view = hiddenRows(decoded.payload, rows, hidden.length / rows)
        expect(view).toEqual(hidden)
        expect(view.buffer).toBe(frame.buffer)
        expect(view.byteOffset % 8).toBe(0)
      }),
    )
  })
  test('a result without rows', () => {
    const message = { type: 'result', session: 's', epoch: 1, position: 4, rows: 0, step: 9 } as const
    const decoded = decodeSession(join(encodeSession(message, new Float32Array(0))))
    expect(decoded.message).toEqual(message)
    expect(hiddenRows(decoded.payload, 0, 2048).length).toBe(0)
  })
  test('membership messages', () => {
    fc.assert(
      fc.property(any.members, (message) => {
        expect(decodeMembers(join(encodeMembers(message)))).toEqual(message)
      }),
    )
  })
  test('blobs', () => {
    fc.assert(
      fc.property(any.blob, ({ message, payload }) => {
        const decoded = decodeBlob(join(encodeBlob(message, payload)))
        expect(decoded.message).toEqual(message)
        expect(decoded.payload).toEqual(payload)
      }),
    )
  })
  test('embedding and head', () => {
    fc.assert(
      fc.property(any.vocabulary, ({ message, payload }) => {
        expect(decodeVocabulary(join(encodeVocabulary(message, payload)))).toEqual({ message, payload })
      }),
    )
  })
  test('an error message that is too long is cut between two characters', () => {
    const message = {
      type: 'refused',
      code: 'internal',
      message: '€'.repeat(limits.maxMessageBytes),
      definite: false,
    } as const
    const decoded = decodeHello(join(encodeHello(message)))
    expect(decoded).toMatchObject({ message: '€'.repeat(Math.floor(limits.maxMessageBytes / 3)) })
  })
})

describe('hostile bytes', () => {
  const decoders = { decodeHello, decodeSession, decodeMembers, decodeBlob, decodeVocabulary }
  const frames = fc.oneof(
    any.hello.map(encodeHello),
    any.plainSessionMessage.map((message) => encodeSession(message)),
    any.stepMessage.map(({ message, hidden }) => encodeSession(message, hidden)),
    any.members.map(encodeMembers),
    any.blob.map(({ message, payload }) => encodeBlob(message, payload)),
    any.vocabulary.map(({ message, payload }) => encodeVocabulary(message, payload)),
  )

  function decodesOrRefuses(bytes: Uint8Array): void {
    for (const decode of Object.values(decoders)) {
      try {
        decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(ShoalError)
        expect((error as ShoalError).code).toBe('bad-frame')
      }
    }
  }

  test('random bytes are decoded or refused as bad-frame', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), decodesOrRefuses), { numRuns: 2000 })
  })
  test('random headers behind every type code are decoded or refused as bad-frame', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 0x80 }),
      fc.uint8Array({ maxLength: 120 }),
      (code, header) => {
        const frame = new Uint8Array(4 + ((header.length + 3) & ~7) + 8)
        frame.set([code, 0, header.length, 0])
        frame.set(header, 4)
        decodesOrRefuses(frame)
      },
    )
    fc.assert(property, { numRuns: 3000 })
  })
  test('valid frames with one byte changed or a part cut off are decoded or refused as bad-frame', () => {
    const property = fc.property(
      frames,
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.boolean(),
      (parts, at, value, cut) => {
        const frame = join(parts)
        if (frame.length === 0) return
        const index = at % frame.length
        if (cut) decodesOrRefuses(frame.slice(0, index))
        else {
          frame[index] = value
          decodesOrRefuses(frame)
        }
      },
    )
    fc.assert(property, { numRuns: 3000 })
  })
  test.each([
    ['lists', 0x81],
    ['maps', 0xa1],
    ['lists of indefinite length', 0x9f],
    ['tags', 0xc1],
  ])('%s nested as deeply as a header allows are refused', (_, byte) => {
    const frame = new Uint8Array(4 + limits.maxHeaderBytes + 5)
    frame.fill(byte)
    frame.set([0x14, 0, 0xff, 0xff])
    expect(() => decodeSession(frame)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
  })
  test.each([
    ['text of 2^32 - 1 bytes', '7affffffff'],
    ['2^53 - 1 bytes', '5b001fffffffffffff'],
    ['a list of 2^32 - 1 items', '9affffffff'],
    ['a list of 2^53 - 1 items', '9b001fffffffffffff'],
    ['a map of 2^32 - 1 entries', 'baffffffff'],
  ])('%s beyond the end of the header are refused before anything is allocated', (_, value) => {
    // {"session": value}
    const header = Buffer.from(`a16773657373696f6e${value}`, 'hex')
    const frame = new Uint8Array((4 + header.length + 7) & ~7)
    frame.set([0x15, 0, header.length, 0])
    frame.set(header, 4)
    const before = process.memoryUsage()
    expect(() => decodeSession(frame)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1024 * 1024)
    expect(after.heapUsed - before.heapUsed).toBeLessThan(16 * 1024 * 1024)
  })
})

describe('frames', () => {
  test.each([
    ['', 'shorter than its head'],
    ['120034', 'shorter than its head'],
    ['12010000 00000000', 'second byte'],
    ['12000500 00000000', 'does not fit'],
  ])('%j is refused: %s', (hex, sentence) => {
    expect(() => splitFrame(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(sentence)
  })
  test('an unknown message type is refused with its code and protocol', () => {
    expect(() => decodeSession(Buffer.from('7f00000000000000', 'hex'))).toThrow(
      '/shoal/session/3: unknown message type 0x7f',
    )
  })
})
