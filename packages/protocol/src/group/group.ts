import { codes } from '../codes.ts'
import { clipMessage, readFields } from '../fields.ts'
import { badFrame, encodeFrame, noPayload, splitFrame, type Decoded, type FrameParts } from '../frame.ts'
import { limits } from '../limits.ts'
import { bytesOfHidden } from '../session/hidden-rows.ts'
import type { GroupEcho, GroupMessage } from './group-messages.ts'
import { encodeCallHead, encodePartHead, readCall, readPart } from './packed-headers.ts'
import { readPlainMessage } from './plain-messages.ts'

const maxUint32 = 0xffffffff

/**
 * Encodes a group message.
 * @param values float32 payload of `group-call`, `group-part`, `group-echo`, `group-head` and `group-logits`
 */
export function encodeGroup(message: GroupMessage, values?: Float32Array): FrameParts {
  switch (message.type) {
    case 'group-call':
      return withValues(encodeCallHead(message), values)
    case 'group-part':
      return withValues(encodePartHead(message), values)
    case 'group-echo':
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

/**
 * Decodes a group message. Only calls, parts, echoes, and the messages to and from a head have payloads.
 * @throws {ShoalError} `bad-frame`
 */
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
  return { message: readPlainMessage(code, header, payload), payload: noPayload }
}

function withValues(head: Uint8Array, values: Float32Array | undefined): FrameParts {
  return values === undefined || values.length === 0 ? [head] : [head, bytesOfHidden(values)]
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
