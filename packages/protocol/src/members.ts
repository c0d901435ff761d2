import { encode } from 'cborg'
import { codes } from './codes.ts'
import { readFields } from './fields.ts'
import { badFrame, encodeFrame, requireNoPayload, splitFrame, unknownCode, type FrameParts } from './frame.ts'
import { limits } from './limits.ts'
import { protocols } from './protocols.ts'

/** The sender's state vector, which is step 1 of a yjs sync. Answered with `update`. */
export interface MembersState {
  readonly type: 'state'
  /** Name of the document: the manifest's id and the rotation epoch. */
  readonly document: string
  readonly stateVector: Uint8Array
}

/** A yjs update: the whole document, or what has changed. */
export interface MembersUpdate {
  readonly type: 'update'
  readonly document: string
  readonly update: Uint8Array
}

/** A signed heartbeat, which every member forwards. `body` is the deterministic CBOR of {@link BeatBody}. */
export interface Beat {
  readonly type: 'beat'
  readonly peer: string
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

export interface BeatBody {
  readonly incarnation: number
  /** Counts up within an incarnation. */
  readonly beat: number
  /** Number of open sessions. */
  readonly sessions: number
  /** Share of the last interval spent computing, in thousandths. */
  readonly busyPermille: number
}

export type MembersMessage = MembersState | MembersUpdate | Beat

/** Encodes a membership message; the state vector or the update is the payload of the frame. */
export function encodeMembers(message: MembersMessage): FrameParts {
  switch (message.type) {
    case 'state':
      return encodeFrame(codes.state, { document: message.document }, message.stateVector)
    case 'update':
      return encodeFrame(codes.update, { document: message.document }, message.update)
    case 'beat': {
      const { type, ...fields } = message
      return encodeFrame(codes[type], fields)
    }
  }
}

/** Decodes a membership message, whose byte fields are views into the frame. @throws {ShoalError} `bad-frame` */
export function decodeMembers(bytes: Uint8Array): MembersMessage {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes.state:
      requireUpdateSize('state', payload)
      return {
        type: 'state',
        document: readFields('state', header).id('document', limits.maxNameLength),
        stateVector: payload,
      }
    case codes.update:
      requireUpdateSize('update', payload)
      return {
        type: 'update',
        document: readFields('update', header).id('document', limits.maxNameLength),
        update: payload,
      }
    case codes.beat: {
      requireNoPayload('beat', payload)
      const fields = readFields('beat', header)
      const signature = fields.bytes('signature', limits.signatureBytes)
      if (signature.length !== limits.signatureBytes)
        throw badFrame(`beat: signature must have ${limits.signatureBytes} bytes`)
      return {
        type: 'beat',
        peer: fields.id('peer'),
        body: fields.bytes('body', limits.maxBeatBytes),
        signature,
      }
    }
    default:
      throw unknownCode(protocols.members, code)
  }
}

function requireUpdateSize(name: string, payload: Uint8Array): void {
  if (payload.length > limits.maxMembershipUpdateBytes) {
    throw badFrame(
      `${name}: ${payload.length} bytes are over the limit of ${limits.maxMembershipUpdateBytes}`,
    )
  }
}

/** The bytes that a beat's owner signs: deterministic CBOR, so that equal beats are equal bytes. */
export function encodeBeatBody(body: BeatBody): Uint8Array {
  return encode(body)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeBeatBody(bytes: Uint8Array): BeatBody {
  if (bytes.length > limits.maxBeatBytes)
    throw badFrame(`beat body: ${bytes.length} bytes are over the limit of ${limits.maxBeatBytes}`)
  const fields = readFields('beat body', bytes)
  return {
    incarnation: fields.integer('incarnation'),
    beat: fields.integer('beat'),
    sessions: fields.integer('sessions'),
    busyPermille: fields.integer('busyPermille', 0, 1000),
  }
}
