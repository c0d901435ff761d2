import { ShoalError } from '@shoal/host'
import { codes } from './codes.ts'
import { checkText, clipMessage, isId, readFields, type Fields } from './fields.ts'
import {
  badFrame,
  createHead,
  encodeFrame,
  frameHeadBytes,
  noPayload,
  requireNoPayload,
  splitFrame,
  unknownCode,
  type Decoded,
  type FrameParts,
} from './frame.ts'
import type { FormGroup, GroupCall, GroupEcho, GroupMessage, GroupPart } from './group-messages.ts'
import { readOffer } from './direct.ts'
import { bytesOfHidden } from './hidden-rows.ts'
import { limits } from './limits.ts'
import { protocols } from './messages.ts'

const maxUint32 = 0xffffffff
const maxUint16 = 0xffff

/*
 * The two headers that travel 2 × blocks times per token are packed, little-endian; what follows them is ignored:
 *
 *   group-call   0 u32 call   4 u32 session   8 u32 position   12 u32 rows
 *   group-part   0 u32 call   4 u16 sum       6 u8  kind (0 partial, 1 total)   7 u8 zero   8 u32 chunk
 */
const callBytes = 16
const partBytes = 12

/** The frame of a group message. @param values float32, for messages that carry rows: `group-call`, `group-part`, `group-echo`, `group-head`, `group-logits` */
export function encodeGroup(message: GroupMessage, values?: Float32Array): FrameParts {
  switch (message.type) {
    case 'group-call':
      return withValues(callHead(message), values)
    case 'group-part':
      return withValues(partHead(message), values)
    case 'group-echo':
      return encodeFrame(
        codes[message.type],
        { request: message.request },
        values === undefined ? noPayload : bytesOfHidden(values),
      )
    case 'group-head':
    case 'group-logits':
      return encodeFrame(
        codes[message.type],
        { request: message.request },
        values === undefined ? noPayload : bytesOfHidden(values),
      )
    case 'group-failed': {
      const { type, ...fields } = message
      return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
    }
    case 'group-lane':
      return encodeFrame(codes[message.type], message.offer === null ? {} : message.offer)
    case 'group-form':
    case 'group-head-load':
    case 'group-connect':
    case 'group-open':
    case 'group-truncate':
    case 'group-close':
    case 'group-done':
    case 'group-lanes':
    case 'group-meet': {
      const { type, ...fields } = message
      return encodeFrame(codes[type], fields)
    }
  }
}

/** The payload is empty but for messages that carry rows: calls, parts, echoes, and those to and from a head. @throws {ShoalError} `bad-frame` */
export function decodeGroup(bytes: Uint8Array): Decoded<GroupMessage> {
  const { code, header, payload } = splitFrame(bytes)
  if (code === codes['group-part'])
    return { message: readPart(header), payload: requireFloats('group-part', payload, 1) }
  if (code === codes['group-call']) {
    const message = readCall(header)
    return { message, payload: requireFloats('group-call', payload, message.rows) }
  }
  if (code === codes['group-echo']) return readEcho(header, payload)
  if (code === codes['group-head']) return readHead('group-head', header, payload)
  if (code === codes['group-logits']) return readHead('group-logits', header, payload)
  return { message: readPlain(code, header, payload), payload: noPayload }
}

function withValues(head: Uint8Array, values: Float32Array | undefined): FrameParts {
  return values === undefined || values.length === 0 ? [head] : [head, bytesOfHidden(values)]
}

function callHead({ type, call, session, position, rows }: GroupCall): Uint8Array {
  const head = createHead(codes[type], callBytes)
  const view = new DataView(head.buffer, frameHeadBytes)
  for (const [index, value] of [call, session, position, rows].entries())
    view.setUint32(index * 4, fits(value, maxUint32, type), true)
  return head
}

function partHead({ type, call, sum, kind, chunk }: GroupPart): Uint8Array {
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

function readCall(header: Uint8Array): GroupCall {
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

function readPart(header: Uint8Array): GroupPart {
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

function readEcho(header: Uint8Array, payload: Uint8Array): Decoded<GroupEcho> {
  if (payload.length > limits.maxEchoBytes || payload.length % Float32Array.BYTES_PER_ELEMENT !== 0)
    throw badFrame(`group-echo: ${payload.length} bytes are not float32, or more than ${limits.maxEchoBytes}`)
  return {
    message: {
      type: 'group-echo',
      request: readFields('group-echo', header).integer('request', 0, maxUint32),
    },
    payload,
  }
}

function readHead(
  type: 'group-head' | 'group-logits',
  header: Uint8Array,
  payload: Uint8Array,
): Decoded<GroupMessage> {
  return {
    message: { type, request: readFields(type, header).integer('request', 0, maxUint32) },
    payload: requireFloats(type, payload, 1),
  }
}

function requireFloats(name: string, payload: Uint8Array, rows: number): Uint8Array {
  if (payload.length === 0 || payload.length % (rows * Float32Array.BYTES_PER_ELEMENT) !== 0)
    throw badFrame(`${name}: ${payload.length} bytes are not ${rows} rows of float32`)
  return payload
}

function readPlain(code: number, header: Uint8Array, payload: Uint8Array): GroupMessage {
  const open = (name: string): Fields => {
    requireNoPayload(name, payload)
    return readFields(name, header)
  }
  const request = (fields: Fields): number => fields.integer('request', 0, maxUint32)
  const session = (fields: Fields): number => fields.integer('session', 0, maxUint32)
  switch (code) {
    case codes['group-form']:
      return readForm(open('group-form'))
    case codes['group-connect']:
      return { type: 'group-connect', request: request(open('group-connect')) }
    case codes['group-head-load']: {
      const fields = open('group-head-load')
      const end = fields.integer('end', 1, limits.maxVocabulary)
      return {
        type: 'group-head-load',
        request: request(fields),
        start: fields.integer('start', 0, end - 1),
        end,
      }
    }
    case codes['group-open']: {
      const fields = open('group-open')
      const end = fields.integer('end', 1, limits.maxBlocks)
      const tokenBudget = fields.integer('tokenBudget', 1, maxUint32)
      return {
        type: 'group-open',
        request: request(fields),
        session: session(fields),
        tokenBudget,
        start: fields.integer('start', 0, end - 1),
        end,
      }
    }
    case codes['group-truncate']: {
      const fields = open('group-truncate')
      return {
        type: 'group-truncate',
        session: session(fields),
        length: fields.integer('length', 0, maxUint32),
      }
    }
    case codes['group-close']:
      return { type: 'group-close', session: session(open('group-close')) }
    case codes['group-done']: {
      const fields = open('group-done')
      return {
        type: 'group-done',
        request: request(fields),
        numericClass: fields.idOrNull('numericClass'),
        ...(fields.has('lanes') ? { lanes: fields.flag('lanes') } : {}),
      }
    }
    case codes['group-failed']: {
      const fields = open('group-failed')
      return {
        type: 'group-failed',
        request: fields.integerOrNull('request', 0, maxUint32),
        call: fields.integerOrNull('call', 0, maxUint32),
        code: fields.id('code'),
        message: fields.text('message', limits.maxMessageBytes),
        definite: fields.flag('definite'),
      }
    }
    case codes['group-meet']: {
      const fields = open('group-meet')
      return {
        type: 'group-meet',
        group: fields.id('group'),
        rank: fields.integer('rank', 0, limits.maxRanks - 1),
      }
    }
    case codes['group-lane']: {
      const fields = open('group-lane')
      return { type: 'group-lane', offer: fields.has('port') ? readOffer('group-lane', fields) : null }
    }
    case codes['group-lanes']:
      open('group-lanes')
      return { type: 'group-lanes' }
    default:
      throw unknownCode(protocols.group, code)
  }
}

function readForm(fields: Fields): FormGroup {
  const end = fields.integer('end', 1, limits.maxBlocks)
  const counts = (field: string): readonly number[] =>
    fields.list(field, limits.maxRanks, (value, where) => countOf(value, where))
  const heads = counts('heads')
  const ranks = heads.length
  const peers = fields.list('peers', limits.maxRanks, (value, where) => {
    const { peer, addresses } = mapOf(value, where)
    if (!isId(peer)) throw badFrame(`${where}.peer must be an id`)
    if (!Array.isArray(addresses) || addresses.length > limits.maxAddresses)
      throw badFrame(`${where}.addresses must be a list of at most ${limits.maxAddresses}`)
    return {
      peer,
      addresses: addresses.map((address: unknown) =>
        checkText(address, `${where}.addresses`, limits.maxAddressBytes),
      ),
    }
  })
  const sums = fields.list('sums', limits.maxSumSizes, (value, where) => {
    const { bytes, algorithm } = mapOf(value, where)
    if (algorithm !== 'star' && algorithm !== 'gather' && algorithm !== 'ring')
      throw badFrame(`${where}.algorithm must be star, gather or ring`)
    return { bytes: countOf(bytes, where), algorithm } as const
  })
  const columns = counts('columns')
  if (ranks === 0 || columns.length !== ranks || peers.length !== ranks || sums.length === 0)
    throw badFrame(
      `group-form: heads, columns and peers of ${ranks} ranks, and a way to add up, belong together`,
    )
  return {
    type: 'group-form',
    request: fields.integer('request', 0, maxUint32),
    group: fields.id('group'),
    manifest: fields.id('manifest'),
    profile: fields.text('profile', limits.maxNameLength),
    start: fields.integer('start', 0, end - 1),
    end,
    rank: fields.integer('rank', 1, ranks - 1),
    heads,
    columns,
    sums,
    peers,
  }
}

function mapOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw badFrame(`${where} must be a map`)
  return value as Record<string, unknown>
}

function countOf(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maxUint32)
    throw badFrame(`${where} must be an integer from 0 to ${maxUint32}`)
  return value
}
