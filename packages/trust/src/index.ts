/**
 * Who may do what in a swarm: signed grants, the first frames of a connection, invites. Pure functions over bytes; keys
 * sign and verify through functions of the caller, and time is an argument.
 *
 * Reading order: `roles.ts`, `grant.ts`, `chain.ts` (what a grant proves), `admit.ts` (the frames), `door.ts` (what a secret
 * does to the encryption), `invite.ts` (the code), `invite-book.ts` (what its issuer keeps).
 *
 * @example
 * const swarm = swarmIdOf(rootKey)
 * const grant = await signGrant({ swarm, subject, role: 'node', serial, from, until, issuer: rootKey }, sign)
 * const { role } = await judgeChain([grant], { swarm, subject, nowSeconds, isRevoked: () => false }, verify)
 */
export { addressOf, placeOf, type Place } from './address.ts'
export {
  decodeAdmit,
  decodeAnswer,
  encodeAdmit,
  encodeRefused,
  encodeWelcome,
  type Admit,
  type Answer,
  type Gift,
  type Refused,
  type SwarmSecret,
  type Welcome,
} from './admit.ts'
export { fromHex, sameBytes, swarmIdOf, toHex } from './bytes.ts'
export { judgeChain, type ChainRules, type Standing } from './chain.ts'
export { actIdOf, isAct, knownAct, signAct, subjectOf, type KnownAct, type Provision } from './charter/act.ts'
export {
  acceptedSecrets,
  charterOf,
  decodeActs,
  encodeActs,
  keptActs,
  nextGeneration,
  voidActs,
  type Charter,
} from './charter/charter.ts'
export { inviteDoor, swarmDoor, type Door } from './door.ts'
export { readGrant, signGrant, type Grant, type Sign, type Verify } from './grant.ts'
export { decodeInvite, encodeInvite, isInviteCode, linkStart, type InviteCode } from './invite.ts'
export {
  addInvite,
  inviteIdOf,
  inviteState,
  revokeInvite,
  useInvite,
  wrongPin,
  type Invite,
  type InviteState,
  type InviteUse,
  type InviteWish,
} from './invite-book.ts'
export { limits } from './limits.ts'
export {
  decodeBegin,
  decodeOffer,
  decodePairingWelcome,
  decodeProof,
  encodeBegin,
  encodeOffer,
  encodePairingRefused,
  encodePairingWelcome,
  encodeProof,
  type PairingWelcome,
} from './pairing/frames.ts'
export { MemberPairing, NewcomerPairing, type PairingEnds } from './pairing/pairing.ts'
export { drawPin, pinLink, readPin } from './pairing/pin.ts'
export { Refusal, refusalCodes, refusalSentences, type RefusalCode } from './refusal.ts'
export { includesRole, isRole, maySign, roles, type Role } from './roles.ts'
