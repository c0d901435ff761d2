import { ShoalError } from '@shoal/host'
import {
  createFrameReader,
  onInternet,
  readBindingAnswer,
  readBindingRequest,
  usableCandidates,
} from '@shoal/network/testing'

/** Longest frame that the stream may announce: the reader asks before it allocates. */
const frameBytesMax = 64 * 1024
/** Pieces in which the bytes of a socket come. */
const pieceBytes = 7

/** The bytes of a channel. The reader never throws: its caller is the listener of a socket. */
export function stream(bytes: Uint8Array): void {
  let refused = false
  const reader = createFrameReader({
    admit(length) {
      refused ||= length > frameBytesMax
      return length <= frameBytesMax
    },
    frame: () => undefined,
    granted: () => undefined,
    farewell: () => undefined,
    failed(error) {
      throw error
    },
  })
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.read(bytes.subarray(at, at + pieceBytes))
  if (refused) throw new ShoalError('limit-exceeded', 'the frame is too long')
}

/** Addresses that a peer names as those of its router. */
export const candidates = (named: readonly string[]): void => {
  usableCandidates(named, onInternet, () => true)
}

/** Packets over UDP, from anybody: what is none is null. */
export function stunRequest(bytes: Uint8Array): void {
  if (readBindingRequest(bytes) === null) throw new ShoalError('bad-frame', 'no request')
}

/** With the transaction that the packet names, as if the fuzzer knew it. */
export function stunAnswer(bytes: Uint8Array): void {
  if (readBindingAnswer(bytes, bytes.slice(8, 20)) === null) throw new ShoalError('bad-frame', 'no answer')
}
