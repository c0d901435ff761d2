import { ShoalError } from '@shoal/host'
import { decodeManifest, ModelError } from '@shoal/model'
import {
  decodeBlob,
  decodeDirect,
  decodeEvidence,
  decodeGroup,
  decodeHello,
  decodeMembers,
  decodePunch,
  decodeSession,
  decodeSteps,
  decodeVocabulary,
  hiddenRows,
  readReceipt,
} from '@shoal/protocol'

/** Reads bytes as a peer's frame is read, payload included. Throws a `ShoalError` or a `ModelError`, or returns. */
export type Decoder = (bytes: Uint8Array) => void

const hiddenSize = 4

/** Every function that reads what another peer has sent, by the name of its part of the corpus. */
export const decoders: Readonly<Record<string, Decoder>> = {
  hello: (bytes) => void decodeHello(bytes),
  session(bytes) {
    const { message, payload } = decodeSession(bytes)
    if (message.type === 'step' || message.type === 'result') hiddenRows(payload, message.rows, hiddenSize)
    if (message.type === 'key-values-end') decodeSteps(payload)
    if (message.type === 'receipt') readReceipt(payload)
  },
  members: (bytes) => void decodeMembers(bytes),
  blobs: (bytes) => void decodeBlob(bytes),
  vocabulary: (bytes) => void decodeVocabulary(bytes),
  group: (bytes) => void decodeGroup(bytes),
  direct: (bytes) => void decodeDirect(bytes),
  punch: (bytes) => void decodePunch(bytes),
  evidence: (bytes) => void decodeEvidence(bytes),
  manifest: (bytes) => void decodeManifest(bytes),
}

/** Whether an error is the refusal that a decoder promises. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof ShoalError || error instanceof ModelError
