import { codes } from './codes.ts'
import { clipMessage, readFields } from './fields.ts'
import { encodeFrame, requireNoPayload, splitFrame, unknownCode, type FrameParts } from './frame.ts'
import { limits } from './limits.ts'
import { protocols, type Hello, type Refused } from './messages.ts'

/** The frame of a hello or of its refusal. */
export function encodeHello(message: Hello | Refused): FrameParts {
  const { type, ...fields } = message
  if (message.type === 'refused')
    return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
  return encodeFrame(codes[type], fields)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeHello(bytes: Uint8Array): Hello | Refused {
  const frame = splitFrame(bytes)
  switch (frame.code) {
    case codes.hello: {
      requireNoPayload('hello', frame.payload)
      const fields = readFields('hello', frame.header)
      return {
        type: 'hello',
        version: fields.integer('version'),
        agent: fields.text('agent', limits.maxNameLength),
        role: fields.oneOf('role', ['node', 'client']),
        manifest: fields.idOrNull('manifest'),
        profile: fields.textOrNull('profile', limits.maxNameLength),
        model: fields.textOrNull('model', limits.maxNameLength),
        ...(fields.has('fetchedBytes') ? { fetchedBytes: fields.integer('fetchedBytes') } : {}),
      }
    }
    case codes.refused: {
      requireNoPayload('refused', frame.payload)
      const fields = readFields('refused', frame.header)
      return {
        type: 'refused',
        code: fields.id('code'),
        message: fields.text('message', limits.maxMessageBytes),
        definite: fields.flag('definite'),
      }
    }
    default:
      throw unknownCode(protocols.hello, frame.code)
  }
}
