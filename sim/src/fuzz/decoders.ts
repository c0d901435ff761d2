import { ShoalError } from '@shoal/host'
import { decodeManifest, ModelError } from '@shoal/model'
import {
  decodeBlob,
  decodeDialBack,
  decodeDirect,
  decodeRows,
  decodeEvidence,
  decodeGroup,
  decodeHello,
  decodeMembers,
  decodePunch,
  decodeSession,
  decodeSteps,
  decodeVocabulary,
  readReceipt,
  wireFormats,
  wireRowBytes,
} from '@shoal/protocol'

/** Reads bytes as a peer's frame is read, payload included. Throws a `ShoalError` or a `ModelError`, or returns. */
export type Decoder = (bytes: Uint8Array) => void

const hiddenSize = 4

/** In the format in which a payload of this length may be; one of no format is refused as float32. */
function readRows(payload: Uint8Array, rows: number): void {
  const wire = wireFormats.find((format) => payload.length === rows * wireRowBytes(format, hiddenSize))
  decodeRows(wire ?? 'f32', payload, rows, hiddenSize)
}

/** Every function that reads what another peer has sent, by the name of its part of the corpus. */
export const decoders: Readonly<Record<string, Decoder>> = {
  hello: (bytes) => void decodeHello(bytes),
  session(bytes) {
    const { message, payload } = decodeSession(bytes)
    if (message.type === 'step' || message.type === 'result') readRows(payload, message.rows)
    if (message.type === 'key-values-end') decodeSteps(payload)
    if (message.type === 'receipt') readReceipt(payload)
  },
  members: (bytes) => void decodeMembers(bytes),
  blobs: (bytes) => void decodeBlob(bytes),
  vocabulary: (bytes) => void decodeVocabulary(bytes),
  group: (bytes) => void decodeGroup(bytes),
  direct: (bytes) => void decodeDirect(bytes),
  'dial-back': (bytes) => void decodeDialBack(bytes),
  punch: (bytes) => void decodePunch(bytes),
  evidence: (bytes) => void decodeEvidence(bytes),
  manifest: (bytes) => void decodeManifest(bytes),
}

/** Whether an error is the refusal that a decoder promises. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof ShoalError || error instanceof ModelError
