import { ShoalError } from '@shoal/host'
import { codes } from '../codes.ts'
import { badFrame, createHead, frameHeadBytes } from '../frame.ts'
import { limits } from '../limits.ts'
import type { GroupCall, GroupPart } from './group-messages.ts'

/*
 * The header of a part travels 2 × blocks times per token, so the headers of parts and calls are packed by hand. Numbers
 * are little-endian; bytes behind them are fields of a later version and are ignored:
 *
 *   group-call   0 u32 call   4 u32 session   8 u32 position   12 u32 rows
 *   group-part   0 u32 call   4 u16 sum       6 u8  kind (0 partial, 1 total)   7 u8 zero   8 u32 chunk
 */
const callBytes = 16
const partBytes = 12

const maxUint32 = 0xffffffff
const maxUint16 = 0xffff

/** Encodes the head of a `group-call` frame. @throws {ShoalError} `limit-exceeded` for a value that does not fit */
export function encodeCallHead({ type, call, session, position, rows }: GroupCall): Uint8Array {
  const head = createHead(codes[type], callBytes)
  const view = new DataView(head.buffer, frameHeadBytes)
  for (const [index, value] of [call, session, position, rows].entries())
    view.setUint32(index * 4, fits(value, maxUint32, type), true)
  return head
}

/** Encodes the head of a `group-part` frame. @throws {ShoalError} `limit-exceeded` for a value that does not fit */
export function encodePartHead({ type, call, sum, kind, chunk }: GroupPart): Uint8Array {
  const head = createHead(codes[type], partBytes)
  const view = new DataView(head.buffer, frameHeadBytes)
  view.setUint32(0, fits(call, maxUint32, type), true)
  view.setUint16(4, fits(sum, maxUint16, type), true)
  view.setUint8(6, kind === 'partial' ? 0 : 1)
  view.setUint32(8, fits(chunk, maxUint32, type), true)
  return head
}

function fits(value: number, max: number, name: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw new ShoalError('limit-exceeded', `${name}: ${value} is not from 0 to ${max}`)
}

function packed(name: string, header: Uint8Array, length: number): DataView {
  if (header.length < length)
    throw badFrame(`${name}: a header of ${header.length} bytes is shorter than ${length}`)
  return new DataView(header.buffer, header.byteOffset, header.byteLength)
}

/** @throws {ShoalError} `bad-frame` */
export function readCall(header: Uint8Array): GroupCall {
  const view = packed('group-call', header, callBytes)
  const rows = view.getUint32(12, true)
  if (rows < 1 || rows > limits.maxRowsPerStep)
    throw badFrame(`group-call: ${rows} rows are not 1 to ${limits.maxRowsPerStep}`)
  return {
    type: 'group-call',
    call: view.getUint32(0, true),
    session: view.getUint32(4, true),
    position: view.getUint32(8, true),
    rows,
  }
}

/** @throws {ShoalError} `bad-frame` */
export function readPart(header: Uint8Array): GroupPart {
  const view = packed('group-part', header, partBytes)
  const kind = view.getUint8(6)
  if (kind > 1) throw badFrame(`group-part: kind ${kind} is unknown`)
  return {
    type: 'group-part',
    call: view.getUint32(0, true),
    sum: view.getUint16(4, true),
    kind: kind === 0 ? 'partial' : 'total',
    chunk: view.getUint32(8, true),
  }
}
