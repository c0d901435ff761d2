import { codes } from '../codes.ts'
import { readOffer } from '../direct/direct.ts'
import { readFields, type Fields } from '../fields.ts'
import { requireNoPayload, unknownCode } from '../frame.ts'
import { limits } from '../limits.ts'
import { protocols } from '../protocols.ts'
import { readForm } from './form-message.ts'
import type { GroupMessage } from './group-messages.ts'

const maxUint32 = 0xffffffff

/** Reads the fields of one message, whose frame had no payload. */
type Read = (fields: Fields) => GroupMessage

const number = (fields: Fields, field: string): number => fields.integer(field, 0, maxUint32)

const reads: Readonly<Record<number, readonly [name: string, read: Read]>> = {
  [codes['group-form']]: ['group-form', readForm],
  [codes['group-connect']]: [
    'group-connect',
    (fields) => ({ type: 'group-connect', request: number(fields, 'request') }),
  ],
  [codes['group-head-load']]: ['group-head-load', readHeadLoad],
  [codes['group-open']]: ['group-open', readOpen],
  [codes['group-truncate']]: [
    'group-truncate',
    (fields) => ({
      type: 'group-truncate',
      session: number(fields, 'session'),
      length: number(fields, 'length'),
    }),
  ],
  [codes['group-close']]: [
    'group-close',
    (fields) => ({ type: 'group-close', session: number(fields, 'session') }),
  ],
  [codes['group-done']]: ['group-done', readDone],
  [codes['group-failed']]: ['group-failed', readFailed],
  [codes['group-meet']]: [
    'group-meet',
    (fields) => ({
      type: 'group-meet',
      group: fields.id('group'),
      rank: fields.integer('rank', 0, limits.maxRanks - 1),
    }),
  ],
  [codes['group-lane']]: [
    'group-lane',
    (fields) => ({
      type: 'group-lane',
      offer: fields.has('port') ? readOffer('group-lane', fields) : null,
    }),
  ],
  [codes['group-lanes']]: ['group-lanes', () => ({ type: 'group-lanes' })],
}

/** Decodes a group message that has no payload. @throws {ShoalError} `bad-frame` */
export function readPlainMessage(code: number, header: Uint8Array, payload: Uint8Array): GroupMessage {
  const known = reads[code]
  if (known === undefined) throw unknownCode(protocols.group, code)
  const [name, read] = known
  requireNoPayload(name, payload)
  return read(readFields(name, header))
}

function readHeadLoad(fields: Fields): GroupMessage {
  const end = fields.integer('end', 1, limits.maxVocabulary)
  return {
    type: 'group-head-load',
    request: number(fields, 'request'),
    start: fields.integer('start', 0, end - 1),
    end,
  }
}

function readOpen(fields: Fields): GroupMessage {
  const end = fields.integer('end', 1, limits.maxBlocks)
  return {
    type: 'group-open',
    request: number(fields, 'request'),
    session: number(fields, 'session'),
    tokenBudget: fields.integer('tokenBudget', 1, maxUint32),
    start: fields.integer('start', 0, end - 1),
    end,
  }
}

function readDone(fields: Fields): GroupMessage {
  return {
    type: 'group-done',
    request: number(fields, 'request'),
    numericClass: fields.idOrNull('numericClass'),
    ...(fields.has('lanes') ? { lanes: fields.flag('lanes') } : {}),
  }
}

function readFailed(fields: Fields): GroupMessage {
  return {
    type: 'group-failed',
    request: fields.integerOrNull('request', 0, maxUint32),
    call: fields.integerOrNull('call', 0, maxUint32),
    code: fields.id('code'),
    message: fields.text('message', limits.maxMessageBytes),
    definite: fields.flag('definite'),
  }
}
