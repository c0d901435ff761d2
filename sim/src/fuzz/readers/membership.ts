import {
  clientOf,
  decodeHardware,
  OwnerDocument,
  readStatement,
  readWord,
  recordOfValues,
} from '@shoal/membership/testing'

const signatureBytes = 64

/**
 * A word that its owner has signed: whatever the signature is, so that the fuzzer reaches the update, yjs and the record.
 */
export function word(bytes: Uint8Array): void {
  const { update, owner, incarnation, seq, ...rest } = readWord(bytes)
  const document = new OwnerDocument(clientOf({ update, owner, incarnation, seq, ...rest }))
  document.apply(update)
  recordOfValues({ peerId: owner, incarnation, seq }, document.values())
}

export const statement = (bytes: Uint8Array): void => void readStatement(bytes)

/** An entry of the directory. */
export const hardware = (bytes: Uint8Array): void => void decodeHardware(bytes.subarray(signatureBytes))
