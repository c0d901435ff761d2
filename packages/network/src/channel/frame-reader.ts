/*
 * A stream of bytes carries words and frames. A word is 4 bytes, little-endian:
 *
 *   0xxxxxxx…  a frame of so many bytes follows
 *   1xxxxxxx…  the low 31 bits are credit that the reader of our frames returns
 *   all ones   goodbye: nothing follows
 */
const wordBytes = 4
const controlBit = 0x80000000
const goodbye = 0xffffffff

export interface FrameEvents {
  /** Whether a frame of `length` bytes may come; asked before anything is allocated. */
  admit(length: number): boolean
  frame(frame: Uint8Array): void
  granted(bytes: number): void
  farewell(): void
  /** One of the others has thrown, or there is no memory for a frame. Nothing further is read. */
  failed(error: unknown): void
}

export interface FrameReader {
  /** Takes the next bytes of the stream, in pieces of any size. Never throws: its caller is the listener of a socket. */
  read(bytes: Uint8Array): void
}

/**
 * Assembles frames. Each is allocated once, at its full size, and each byte is copied once: a frame of 32 MiB in pieces
 * of 64 KiB costs what its bytes cost. A frame starts at offset 0 of an ArrayBuffer of its own, never in that of the bytes
 * that came: a receiver may free it (`freeMemory`) while the bytes behind it are still to be read, and they are freed after.
 */
export function createFrameReader(events: FrameEvents): FrameReader {
  let word = 0
  let wordFilled = 0
  let frame: Uint8Array | undefined
  let frameFilled = 0
  let ended = false

  const deliver = (whole: Uint8Array): void => {
    frame = undefined
    events.frame(whole)
  }

  const takeWord = (value: number): void => {
    if (value === goodbye) {
      ended = true
      events.farewell()
    } else if (value >= controlBit) {
      events.granted(value - controlBit)
    } else if (!events.admit(value)) {
      ended = true
    } else {
      frame = new Uint8Array(value)
      frameFilled = 0
      if (value === 0) deliver(frame)
    }
  }

  const take = (bytes: Uint8Array): void => {
    let offset = 0
    while (offset < bytes.length && !ended) {
      if (frame === undefined) {
        word += (bytes[offset] ?? 0) * 2 ** (8 * wordFilled)
        offset += 1
        wordFilled += 1
        if (wordFilled < wordBytes) continue
        const value = word
        word = 0
        wordFilled = 0
        takeWord(value)
      } else {
        const piece = bytes.subarray(offset, offset + frame.length - frameFilled)
        frame.set(piece, frameFilled)
        frameFilled += piece.length
        offset += piece.length
        if (frameFilled === frame.length) deliver(frame)
      }
    }
  }

  return {
    read(bytes) {
      try {
        take(bytes)
      } catch (error) {
        ended = true
        frame = undefined
        events.failed(error)
      }
    },
  }
}

/** One buffer of its own for word and frame, so that one `stream.send` carries both. Not from the pool: it may wait long. */
export function packFrame(parts: readonly Uint8Array[], length: number): Uint8Array {
  const packed = Buffer.allocUnsafeSlow(wordBytes + length)
  packed.writeUInt32LE(length, 0)
  let offset = wordBytes
  for (const part of parts) {
    packed.set(part, offset)
    offset += part.byteLength
  }
  return packed
}

export const packGrant = (bytes: number): Uint8Array => packWord(controlBit + bytes)
export const packGoodbye = (): Uint8Array => packWord(goodbye)

function packWord(value: number): Uint8Array {
  const word = new Uint8Array(wordBytes)
  new DataView(word.buffer).setUint32(0, value, true)
  return word
}
