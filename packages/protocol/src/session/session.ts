import { codes } from '../codes.ts'
import { checkText, clipMessage, readFields, type Fields } from '../fields.ts'
import {
  badFrame,
  encodeFrame,
  noPayload,
  requireNoPayload,
  splitFrame,
  unknownCode,
  type Decoded,
  type FrameParts,
} from '../frame.ts'
import { bytesOfHidden } from './hidden-rows.ts'
import { limits } from '../limits.ts'
import { protocols } from '../protocols.ts'
import { receiptLimits } from '../receipts/limits.ts'
import { decodeHandOver, readKeyValues, readKeyValuesEnd } from './hand-over.ts'
import type {
  NextHop,
  OpenSession,
  Replay,
  SessionFailed,
  SessionMessage,
  SessionOpened,
  SessionPrefix,
  SessionReceipt,
} from './session-messages.ts'
import { decodeResult, decodeStep, encodeStepHead } from './step-header.ts'
import { wireFormats } from './wire-rows.ts'

/** Positions, epochs and step numbers travel in 32 bits. */
const maxUint32 = 0xffffffff

/**
 * Encodes a session message.
 * @param payload float32 rows, for `step`, `result` and `key-values` only
 */
export function encodeSession(message: SessionMessage, payload?: Float32Array): FrameParts {
  switch (message.type) {
    case 'step':
    case 'result': {
      const head = encodeStepHead(message)
      return payload === undefined || payload.length === 0 ? [head] : [head, bytesOfHidden(payload)]
    }
    case 'failed': {
      const { type, ...fields } = message
      return encodeFrame(codes[type], { ...fields, message: clipMessage(message.message) })
    }
    case 'open':
    case 'opened':
    case 'close':
    case 'replay':
    case 'keep-alive':
    case 'receipt':
    case 'leaving':
    case 'hand-over':
    case 'handed-over':
    case 'let-go':
    case 'key-values':
    case 'key-values-end': {
      const { type, ...fields } = message
      return encodeFrame(codes[type], fields, payload === undefined ? undefined : bytesOfHidden(payload))
    }
  }
}

/**
 * Decodes a session message. Only `step` and `result` (read with `hiddenRows`, which checks the size), `key-values`, and
 * `key-values-end` (read with `decodeSteps`) have payloads.
 * @throws {ShoalError} `bad-frame`
 */
export function decodeSession(bytes: Uint8Array): Decoded<SessionMessage> {
  const { code, header, payload } = splitFrame(bytes)
  switch (code) {
    case codes.step: {
      const message = decodeStep(header)
      if (message.rows === 0) throw badFrame('step: rows must be at least 1')
      requireWholeRows('step', message.rows, payload)
      return { message, payload }
    }
    case codes.result: {
      const message = decodeResult(header)
      requireWholeRows('result', message.rows, payload)
      return { message, payload }
    }
    case codes['key-values']: {
      const message = readKeyValues(readFields('key-values', header))
      requireWholeRows('key-values', message.rows, payload)
      return { message, payload }
    }
    case codes['key-values-end']:
      return { message: readKeyValuesEnd(readFields('key-values-end', header)), payload }
    default:
      return { message: decodeWithoutPayload(code, header, payload), payload: noPayload }
  }
}

function decodeWithoutPayload(code: number, header: Uint8Array, payload: Uint8Array): SessionMessage {
  switch (code) {
    case codes.open: {
      requireNoPayload('open', payload)
      return readOpen(readFields('open', header))
    }
    case codes.opened: {
      requireNoPayload('opened', payload)
      return readOpened(readFields('opened', header))
    }
    case codes.failed: {
      requireNoPayload('failed', payload)
      return readFailed(readFields('failed', header))
    }
    case codes.close: {
      requireNoPayload('close', payload)
      const fields = readFields('close', header)
      return {
        type: 'close',
        session: fields.id('session'),
        start: fields.integerOrNull('start', 0, limits.maxBlocks - 1),
        ...(fields.has('keep') && { keep: fields.integer('keep', 1, maxUint32) }),
      }
    }
    case codes['keep-alive']: {
      requireNoPayload('keep-alive', payload)
      readFields('keep-alive', header)
      return { type: 'keep-alive' }
    }
    case codes.replay: {
      requireNoPayload('replay', payload)
      return readReplay(readFields('replay', header))
    }
    case codes.receipt: {
      requireNoPayload('receipt', payload)
      return readSessionReceipt(readFields('receipt', header))
    }
    case codes.leaving:
    case codes['hand-over']:
    case codes['handed-over']:
    case codes['let-go']:
      return decodeHandOver(code, header, payload)
    default:
      throw unknownCode(protocols.session, code)
  }
}

function requireWholeRows(name: string, rows: number, payload: Uint8Array): void {
  const whole =
    rows === 0
      ? payload.length === 0
      : payload.length > 0 && payload.length % (rows * Float32Array.BYTES_PER_ELEMENT) === 0
  if (!whole) throw badFrame(`${name}: ${payload.length} bytes are not ${rows} rows of float32`)
}

function readOpen(fields: Fields): OpenSession {
  const end = fields.integer('end', 1, limits.maxBlocks)
  return {
    type: 'open',
    session: fields.id('session'),
    manifest: fields.id('manifest'),
    profile: fields.text('profile', limits.maxNameLength),
    start: fields.integer('start', 0, end - 1),
    end,
    epoch: fields.integer('epoch', 0, maxUint32),
    tokenBudget: fields.integer('tokenBudget', 1, maxUint32),
    wire: fields.oneOf('wire', wireFormats),
    previous: fields.id('previous'),
    next: readNextHop(fields.nested('next')),
    ...(fields.has('restore') && { restore: fields.id('restore') }),
    ...(fields.has('prefix') && { prefix: readPrefix(fields.nested('prefix')) }),
    ...(fields.has('waitMs') && { waitMs: fields.integer('waitMs', 1, limits.maxOpenWaitMs) }),
    ...(fields.has('receipts') && fields.flag('receipts') && { receipts: true as const }),
  }
}

function readOpened(fields: Fields): SessionOpened {
  return {
    type: 'opened',
    session: fields.id('session'),
    start: fields.integer('start', 0, limits.maxBlocks - 1),
    epoch: fields.integer('epoch', 0, maxUint32),
    numericClass: fields.id('numericClass'),
    ...(fields.has('ranks') && { ranks: fields.integer('ranks', 2, limits.maxRanks) }),
    incarnation: fields.integer('incarnation'),
    length: fields.integer('length', 0, maxUint32),
    lastStep: fields.integerOrNull('lastStep', 0, maxUint32),
    ...(fields.has('journalFrom') && { journalFrom: fields.integer('journalFrom', 0, maxUint32) }),
  }
}

function readPrefix(fields: Fields): SessionPrefix {
  return { session: fields.id('session'), length: fields.integer('length', 1, maxUint32) }
}

function readNextHop(fields: Fields): NextHop {
  return {
    peer: fields.id('peer'),
    addresses: fields.list('addresses', limits.maxAddresses, (value, where) =>
      checkText(value, where, limits.maxAddressBytes),
    ),
    coordinator: fields.flag('coordinator'),
  }
}

function readReplay(fields: Fields): Replay {
  const at = (field: string): number => fields.integer(field, 0, maxUint32)
  return {
    type: 'replay',
    session: fields.id('session'),
    start: fields.integer('start', 0, limits.maxBlocks - 1),
    epoch: at('epoch'),
    length: at('length'),
    from: at('from'),
    settled: at('settled'),
  }
}

function readSessionReceipt(fields: Fields): SessionReceipt {
  return {
    type: 'receipt',
    session: fields.id('session'),
    start: fields.integer('start', 0, limits.maxBlocks - 1),
    epoch: fields.integer('epoch', 0, maxUint32),
    receipt: fields.bytes('receipt', receiptLimits.maxReceiptBytes),
  }
}

function readFailed(fields: Fields): SessionFailed {
  return {
    type: 'failed',
    session: fields.id('session'),
    start: fields.integer('start', 0, limits.maxBlocks - 1),
    epoch: fields.integer('epoch', 0, maxUint32),
    step: fields.integerOrNull('step', 0, maxUint32),
    code: fields.id('code'),
    message: fields.text('message', limits.maxMessageBytes),
    definite: fields.flag('definite'),
  }
}
