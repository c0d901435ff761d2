import {
  decodeActs,
  decodeAdmit,
  decodeAnswer,
  decodeBegin,
  decodeInvite,
  decodeOffer,
  decodePairingWelcome,
  decodeProof,
  knownAct,
  readGrant,
} from '@shoal/trust'

/** Frames of admission, with the grants that they carry. */
export function admit(bytes: Uint8Array): void {
  for (const each of decodeAdmit(bytes).chain) readGrant(each)
}

export function answer(bytes: Uint8Array): void {
  const message = decodeAnswer(bytes)
  if (message.type === 'refused') return
  for (const each of [...message.chain, ...(message.gift?.chain ?? [])]) readGrant(each)
}

export const grant = (bytes: Uint8Array): void => void readGrant(bytes)

export function acts(bytes: Uint8Array): void {
  for (const each of decodeActs(bytes)) knownAct(each)
}

export const act = (bytes: Uint8Array): void => void knownAct(bytes)

/** Each side of a pairing expects one frame at a time: the kind, which is the first item, picks one that fits. */
export function pair(bytes: Uint8Array): void {
  const readers = [decodeBegin, decodeOffer, decodeProof, decodePairingWelcome] as const
  const read = readers[(bytes[1] ?? 1) - 1] ?? decodeOffer
  read(bytes)
}

/** A code or a link, as a person pastes it. */
export const invite = (bytes: Uint8Array): void => void decodeInvite(new TextDecoder().decode(bytes))
