/**
 * Messages to bytes and back: pure functions, a limit for everything, golden bytes for every version.
 * Read docs/protocol.md first, then `messages.ts`.
 *
 * @example
 * await channel.send(...encodeSession({ type: 'step', session, epoch, position, rows: 1, step, rewind: false, want: 'last' }, hidden))
 * channel.onFrame((frame) => {
 *   const { message, payload } = decodeSession(frame)
 *   if (message.type === 'step') forward(message, hiddenRows(payload, message.rows, hiddenSize))
 * })
 */
export { decodeBlob, encodeBlob } from './blobs.ts'
export { decodeDirect, encodeDirect, type DirectAsk, type DirectMessage, type DirectOffer } from './direct.ts'
export type { Decoded, FrameParts } from './frame.ts'
export { decodeGroup, encodeGroup } from './group.ts'
export type {
  FormGroup,
  GroupCall,
  GroupDone,
  GroupEcho,
  GroupLogits,
  GroupFailed,
  GroupMessage,
  GroupPart,
  OpenGroupSession,
} from './group-messages.ts'
export type {
  HandedOver,
  HandOver,
  KeyValues,
  KeyValuesEnd,
  LetGo,
  StageLeaving,
  Successor,
} from './hand-over-messages.ts'
export { decodeHello, encodeHello } from './hello.ts'
export { hiddenRows } from './hidden-rows.ts'
export { limits } from './limits.ts'
export { decodeBeatBody, decodeMembers, encodeBeatBody, encodeMembers } from './members.ts'
export { decodeSession, encodeSession } from './session.ts'
export { decodeSteps, encodeSteps, type SentStep } from './step-list.ts'
export { protocols, protocolVersion } from './messages.ts'
export type {
  Beat,
  BeatBody,
  BlobChunk,
  BlobMessage,
  BlobRefused,
  BlobRequest,
  CloseSession,
  Hello,
  KeepAlive,
  MembersMessage,
  MembersState,
  MembersUpdate,
  NextHop,
  OpenSession,
  Refused,
  Replay,
  SessionFailed,
  SessionMessage,
  SessionOpened,
  Step,
  StepResult,
} from './messages.ts'
