import { ShoalError } from '@shoal/host'
import { codes } from '../codes.ts'
import { badFrame, createHead, frameHeadBytes } from '../frame.ts'
import { limits } from '../limits.ts'
import type { Step, StepResult } from './session-messages.ts'

/*
 * The two headers that travel once per token and stage are packed by hand, because CBOR would cost microseconds there.
 * All numbers are little-endian. Bytes behind the session id are fields of a later version and are ignored:
 *
 *   0  u32  epoch
 *   4  u32  position
 *   8  u32  rows
 *  12  u32  step
 *  16  u16  start; zero in a result
 *  18  u8   flags: bit 0 rewind, bits 1 and 2 want (0 none, 1 last, 2 all); zero in a result
 *  19  u8   length of the session id, n
 *  20  n    session id, printable ASCII
 */
const fixedBytes = 20
const wants = ['none', 'last', 'all'] as const

/** Encodes the head of a `step` or `result` frame. @throws {ShoalError} `limit-exceeded` for a value that does not fit the header */
export function encodeStepHead(message: Step | StepResult): Uint8Array {
  const { session } = message
  const head = createHead(codes[message.type], fixedBytes + session.length)
  const view = new DataView(head.buffer)
  view.setUint32(frameHeadBytes, fits(message.epoch, 'epoch', message), true)
  view.setUint32(frameHeadBytes + 4, fits(message.position, 'position', message), true)
  view.setUint32(frameHeadBytes + 8, fits(message.rows, 'rows', message), true)
  view.setUint32(frameHeadBytes + 12, fits(message.step, 'step', message), true)
  if (message.type === 'step') {
    if (message.start >= limits.maxBlocks)
      throw new ShoalError('limit-exceeded', `step: block ${message.start} is over the limit`)
    view.setUint16(frameHeadBytes + 16, message.start, true)
    head[frameHeadBytes + 18] = (message.rewind ? 1 : 0) | (wants.indexOf(message.want) << 1)
  }
  if (session.length === 0 || session.length > limits.maxIdLength) {
    throw new ShoalError(
      'limit-exceeded',
      `${message.type}: a session id has 1 to ${limits.maxIdLength} characters`,
    )
  }
  head[frameHeadBytes + 19] = session.length
  for (let index = 0; index < session.length; index += 1)
    head[frameHeadBytes + fixedBytes + index] = session.charCodeAt(index)
  return head
}

function fits(value: number, field: string, message: Step | StepResult): number {
  if (value >>> 0 === value) return value
  throw new ShoalError('limit-exceeded', `${message.type}: ${field} ${value} does not fit 32 bits`)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeStep(header: Uint8Array): Step {
  const view = viewOf('step', header)
  const flags = view.getUint8(18)
  const start = view.getUint16(16, true)
  const want = wants[(flags >>> 1) & 3]
  if (want === undefined || flags > 7) throw badFrame(`step: flags ${flags} are unknown`)
  if (start >= limits.maxBlocks)
    throw badFrame(`step: block ${start} is over the limit of ${limits.maxBlocks}`)
  return { type: 'step', ...readNumbers('step', header, view), start, rewind: (flags & 1) === 1, want }
}

/** @throws {ShoalError} `bad-frame` */
export function decodeResult(header: Uint8Array): StepResult {
  return { type: 'result', ...readNumbers('result', header, viewOf('result', header)) }
}

function viewOf(name: string, header: Uint8Array): DataView {
  if (header.length < fixedBytes)
    throw badFrame(`${name}: a header of ${header.length} bytes is shorter than ${fixedBytes}`)
  return new DataView(header.buffer, header.byteOffset, header.byteLength)
}

function readNumbers(name: string, header: Uint8Array, view: DataView): Omit<StepResult, 'type'> {
  const rows = view.getUint32(8, true)
  if (rows > limits.maxRowsPerStep)
    throw badFrame(`${name}: ${rows} rows are over the limit of ${limits.maxRowsPerStep}`)
  return {
    session: readSession(name, header, view.getUint8(19)),
    epoch: view.getUint32(0, true),
    position: view.getUint32(4, true),
    rows,
    step: view.getUint32(12, true),
  }
}

function readSession(name: string, header: Uint8Array, length: number): string {
  if (length === 0 || length > limits.maxIdLength || fixedBytes + length > header.length) {
    throw badFrame(`${name}: a session id of ${length} characters is not allowed here`)
  }
  let session = ''
  for (let index = fixedBytes; index < fixedBytes + length; index += 1) {
    const character = header[index] ?? 0
    if (character < 0x21 || character > 0x7e)
      throw badFrame(`${name}: the session id must be printable ASCII`)
    session += String.fromCharCode(character)
  }
  return session
}
