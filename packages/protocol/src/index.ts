/**
 * Messages of all protocols between peers, as bytes and as values. Encoding and decoding are pure functions; every length
 * has a limit; golden bytes pin the format of each version.
 *
 * Reading order: docs/protocol.md; `frame.ts` (the form of every frame), `limits.ts`, `protocols.ts`; then one folder or
 * file per protocol, of which `session/session-messages.ts` and `session/step-header.ts` carry the tokens.
 *
 * @example
 * await channel.send(...encodeSession({ type: 'step', session, epoch, position, rows: 1, step, rewind: false, want: 'last' }, hidden))
 * channel.onFrame((frame) => {
 *   const { message, payload } = decodeSession(frame)
 *   if (message.type === 'step') forward(message, hiddenRows(payload, message.rows, hiddenSize))
 * })
 */
export {
  decodeBlob,
  encodeBlob,
  type BlobChunk,
  type BlobMessage,
  type BlobRefused,
  type BlobRequest,
} from './blobs.ts'
export {
  decodeVocabulary,
  encodeVocabulary,
  type EmbedRequest,
  type LogitsRequest,
  type VocabularyAnswer,
  type VocabularyFailed,
  type VocabularyMessage,
} from './vocabulary.ts'
export { decodeDialBack, encodeDialBack, type DialBackMessage } from './dial-back.ts'
export {
  decodeDirect,
  encodeDirect,
  type DirectAsk,
  type DirectMessage,
  type DirectOffer,
} from './direct/direct.ts'
export type { Decoded, FrameParts } from './frame.ts'
export { decodeGroup, encodeGroup } from './group/group.ts'
export type {
  FormGroup,
  GroupCall,
  GroupDone,
  GroupEcho,
  GroupFailed,
  GroupLogits,
  GroupMessage,
  GroupPart,
  OpenGroupSession,
} from './group/group-messages.ts'
export { decodeHello, encodeHello, type Hello } from './hello.ts'
export type { Refused } from './refused.ts'
export { limits } from './limits.ts'
export type { Beat, PeerLoad } from './beat.ts'
export {
  decodeMembers,
  encodeMembers,
  type MembersMessage,
  type MembersProof,
  type MembersRoll,
  type MembersStatements,
  type MembersVector,
  type MembersWant,
  type MembersWords,
} from './members.ts'
export { protocols, protocolVersion } from './protocols.ts'
export {
  decodePunch,
  encodePunch,
  type PunchAnswer,
  type PunchEnd,
  type PunchGo,
  type PunchMessage,
  type PunchOffer,
} from './punch/punch.ts'
export {
  decodeEvidence,
  decodeEvidenceFrame,
  encodeEvidence,
  encodeEvidenceFrame,
  evidenceKinds,
  type Evidence,
  type EvidenceKind,
} from './receipts/evidence.ts'
export { receiptLimits } from './receipts/limits.ts'
export {
  openReceipt,
  readReceipt,
  sealReceipt,
  type Receipt,
  type SealedReceipt,
  type Sign,
  type Verify,
} from './receipts/receipt.ts'
export { RowChain, type HashPair } from './receipts/row-chain.ts'
export type {
  HandedOver,
  HandOver,
  KeyValues,
  KeyValuesEnd,
  LetGo,
  StageLeaving,
  Successor,
} from './session/hand-over-messages.ts'
export { bytesOfHidden, hiddenRows } from './session/hidden-rows.ts'
export { decodeRows, encodeRows, wireFormats, wireRowBytes, type WireFormat } from './session/wire-rows.ts'
export { decodeSession, encodeSession } from './session/session.ts'
export type {
  CloseSession,
  KeepAlive,
  NextHop,
  OpenSession,
  Replay,
  SessionFailed,
  SessionMessage,
  SessionOpened,
  SessionPrefix,
  SessionReceipt,
  Step,
  StepResult,
} from './session/session-messages.ts'
export { decodeSteps, encodeSteps, type SentStep } from './session/step-list.ts'
