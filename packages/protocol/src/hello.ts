import { codes } from './codes.ts'
import { readFields } from './fields.ts'
import { requireNoPayload, splitFrame, unknownCode, type FrameParts } from './frame.ts'
import { limits } from './limits.ts'
import { protocols } from './protocols.ts'
import { encodeOrRefuse, readRefused, type Refused } from './refused.ts'

/** The first and only frame in each direction of a hello channel. */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  /** Software and version, for people: `shoal/0.1.0`. */
  readonly agent: string
  readonly role: 'node' | 'client'
  /** Manifest id of the peer's swarm; null for a peer that asks for it. */
  readonly manifest: string | null
  /** Short name of the numeric profile, such as `int4:32`, for error messages that name both sides. */
  readonly profile: string | null
  /** The model's name, for people. */
  readonly model: string | null
  /** Bytes of weights that the peer has fetched from others, for people; told to peers of its own swarm only. */
  readonly fetchedBytes?: number
}

/** Encodes a hello or its refusal. */
export function encodeHello(message: Hello | Refused): FrameParts {
  return encodeOrRefuse(message)
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
    case codes.refused:
      return readRefused(frame)
    default:
      throw unknownCode(protocols.hello, frame.code)
  }
}
