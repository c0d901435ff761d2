import { ShoalError } from '@shoal/host'
import { decodeManifest, ModelError } from '@shoal/model'
import {
  decodeBlob,
  decodeDialBack,
  decodeDirect,
  decodeEvidence,
  decodeEvidenceFrame,
  decodeGroup,
  decodeHello,
  decodeMembers,
  decodePunch,
  decodeRows,
  decodeSession,
  decodeSteps,
  decodeVocabulary,
  readReceipt,
  wireFormats,
  wireRowBytes,
} from '@shoal/protocol'
import type { Form } from './forms.ts'
import { candidates, stream, stunAnswer, stunRequest } from './readers/network.ts'
import { hardware, statement, word } from './readers/membership.ts'
import { tabReply, tabRequest } from './readers/tabs.ts'
import { act, acts, admit, answer, grant, invite, pair } from './readers/trust.ts'

/** Reads bytes as a peer's frame is read, payload included. Throws a `ShoalError` or a `ModelError`, or returns. */
export type Read = (bytes: Uint8Array) => void

export interface Decoder {
  readonly form: Form
  readonly read: Read
}

const hiddenSize = 4

/** In the format in which a payload of this length may be; one of no format is refused as float32. */
function readRows(payload: Uint8Array, rows: number): void {
  const wire = wireFormats.find((format) => payload.length === rows * wireRowBytes(format, hiddenSize))
  decodeRows(wire ?? 'f32', payload, rows, hiddenSize)
}

function session(bytes: Uint8Array): void {
  const { message, payload } = decodeSession(bytes)
  if (message.type === 'step' || message.type === 'result') readRows(payload, message.rows)
  if (message.type === 'key-values-end') decodeSteps(payload)
  if (message.type === 'receipt') readReceipt(payload)
}

function punch(bytes: Uint8Array): void {
  const message = decodePunch(bytes)
  if ('candidates' in message) candidates(message.candidates)
}

const framed = (read: Read): Decoder => ({ form: 'frame', read })
const cbor = (read: Read): Decoder => ({ form: 'cbor', read })
const signed = (read: Read): Decoder => ({ form: 'signed', read })
const plain = (read: Read): Decoder => ({ form: 'bytes', read })

/** Every function that reads what another peer has sent, by the name of its part of the corpus. */
export const decoders: Readonly<Record<string, Decoder>> = {
  hello: framed((bytes) => void decodeHello(bytes)),
  session: framed(session),
  members: framed((bytes) => void decodeMembers(bytes)),
  blobs: framed((bytes) => void decodeBlob(bytes)),
  vocabulary: framed((bytes) => void decodeVocabulary(bytes)),
  group: framed((bytes) => void decodeGroup(bytes)),
  direct: framed((bytes) => void decodeDirect(bytes)),
  'dial-back': framed((bytes) => void decodeDialBack(bytes)),
  punch: framed(punch),
  audit: framed((bytes) => void decodeEvidenceFrame(bytes)),
  evidence: cbor((bytes) => void decodeEvidence(bytes)),
  // The first frames of a connection, which strangers may send too.
  admit: cbor(admit),
  answer: cbor(answer),
  grant: signed(grant),
  charter: cbor(acts),
  act: signed(act),
  pair: cbor(pair),
  invite: { form: 'code', read: invite },
  // What `members` carries, and the directory's records.
  word: signed(word),
  statement: signed(statement),
  hardware: signed(hardware),
  // What has no frames of Shoal's grammar around it.
  stream: plain(stream),
  'stun-request': plain(stunRequest),
  'stun-answer': plain(stunAnswer),
  tab: { form: 'tab', read: tabRequest },
  'tab-reply': { form: 'tab', read: tabReply },
  manifest: cbor((bytes) => void decodeManifest(bytes)),
}

/** Whether an error is the refusal that a decoder promises. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof ShoalError || error instanceof ModelError
