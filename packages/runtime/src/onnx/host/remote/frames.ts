import { ShoalError } from '@shoal/host'

/**
 * A message as one frame: the number of bytes of its JSON (u32), the JSON, up to three bytes of 0, and the values of its
 * float arrays one after the other. Numbers are little-endian. In the JSON a float array is `{"$floats": LENGTH}`.
 */
const sizeBytes = 4
const floatBytes = Float32Array.BYTES_PER_ELEMENT
const arrayMark = '$floats'

const padded = (bytes: number): number => Math.ceil(bytes / floatBytes) * floatBytes

export function encodeFrame(message: object): Uint8Array<ArrayBuffer> {
  const arrays: Float32Array[] = []
  const json = JSON.stringify(message, (_key, value: unknown) => {
    if (!(value instanceof Float32Array)) return value
    arrays.push(value)
    return { [arrayMark]: value.length }
  })
  const head = new TextEncoder().encode(json)
  const start = padded(sizeBytes + head.length)
  const frame = new Uint8Array(start + arrays.reduce((sum, { byteLength }) => sum + byteLength, 0))
  new DataView(frame.buffer).setUint32(0, head.length, true)
  frame.set(head, sizeBytes)
  let at = start
  for (const array of arrays) {
    frame.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at)
    at += array.byteLength
  }
  return frame
}

/** Bounds of a frame from somebody who is not trusted. */
export interface FrameBounds {
  readonly bytesMax: number
  readonly headBytesMax: number
}

/**
 * Reads a frame. Its values have arrays of their own.
 * @throws {ShoalError} `bad-frame` for any other bytes
 */
export function decodeFrame(frame: Uint8Array, bounds: FrameBounds): Readonly<Record<string, unknown>> {
  if (frame.length > bounds.bytesMax || frame.length < sizeBytes) throw wrong(`${frame.length} bytes`)
  const headBytes = new DataView(frame.buffer, frame.byteOffset, sizeBytes).getUint32(0, true)
  const start = padded(sizeBytes + headBytes)
  if (headBytes > bounds.headBytesMax || start > frame.length) throw wrong(`a head of ${headBytes} bytes`)
  // A copy: `slice` of a Node buffer would be a view of a pool.
  const body = new Uint8Array(frame.subarray(start))
  if (body.length % floatBytes !== 0) throw wrong('a broken value')
  const values = new Float32Array(body.buffer)
  let at = 0
  const message = parsed(frame.subarray(sizeBytes, sizeBytes + headBytes), (length) => {
    if (
      typeof length !== 'number' ||
      !Number.isSafeInteger(length) ||
      length < 0 ||
      at + length > values.length
    )
      throw wrong('fewer values than it names')
    return values.slice(at, (at += length))
  })
  if (at !== values.length) throw wrong('more values than it names')
  return message
}

function parsed(
  head: Uint8Array,
  take: (length: unknown) => Float32Array,
): Readonly<Record<string, unknown>> {
  let message: unknown
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(head))
  } catch (cause) {
    throw new ShoalError('bad-frame', 'a frame has no JSON', { cause })
  }
  const filled = withArrays(message, take, 0)
  if (!isObject(filled)) throw wrong('no object')
  return filled
}

/** Arrays lie in the objects of a message, and no deeper than this. */
const depthMax = 6

/** Fills in the float arrays, in the order in which they were written. */
function withArrays(value: unknown, take: (length: unknown) => Float32Array, depth: number): unknown {
  if (!isObject(value) || depth > depthMax) return value
  if (arrayMark in value) return take(value[arrayMark])
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withArrays(inner, take, depth + 1)]),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const wrong = (what: string): ShoalError => new ShoalError('bad-frame', `a frame has ${what}`)
