import { codes } from '../codes.ts'
import { checkText, isId, readFields, type Fields } from '../fields.ts'
import { badFrame, requireNoPayload } from '../frame.ts'
import { limits } from '../limits.ts'
import type {
  HandedOver,
  HandOver,
  KeyValues,
  KeyValuesEnd,
  LetGo,
  StageLeaving,
  Successor,
} from './hand-over-messages.ts'

/** Positions, epochs and step numbers travel in 32 bits. */
const maxUint32 = 0xffffffff

/** Decodes the messages between a coordinator and a leaving stage. @throws {ShoalError} `bad-frame` */
export function decodeHandOver(
  code: number,
  header: Uint8Array,
  payload: Uint8Array,
): StageLeaving | HandOver | HandedOver | LetGo {
  switch (code) {
    case codes.leaving:
      return { type: 'leaving', ...readStage(plain('leaving', header, payload)) }
    case codes['hand-over']: {
      const fields = plain('hand-over', header, payload)
      return {
        type: 'hand-over',
        ...readStage(fields),
        epoch: fields.integer('epoch', 0, maxUint32),
        to: fields.list('to', limits.maxSuccessors, readSuccessor),
      }
    }
    case codes['handed-over']: {
      const fields = plain('handed-over', header, payload)
      return {
        type: 'handed-over',
        ...readStage(fields),
        epoch: fields.integer('epoch', 0, maxUint32),
        length: fields.integer('length', 0, maxUint32),
      }
    }
    default: {
      const fields = plain('let-go', header, payload)
      return { type: 'let-go', ...readStage(fields), epoch: fields.integer('epoch', 0, maxUint32) }
    }
  }
}

function plain(name: string, header: Uint8Array, payload: Uint8Array): Fields {
  requireNoPayload(name, payload)
  return readFields(name, header)
}

function readStage(fields: Fields): { readonly session: string; readonly start: number } {
  return { session: fields.id('session'), start: fields.integer('start', 0, limits.maxBlocks - 1) }
}

function readSuccessor(value: unknown, where: string): Successor {
  const { peer, addresses, start, end } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Record<string, unknown>
  if (!isId(peer)) throw badFrame(`${where} has no peer id`)
  if (!Array.isArray(addresses) || addresses.length > limits.maxAddresses)
    throw badFrame(`${where} has no list of at most ${limits.maxAddresses} addresses`)
  if (!isBlock(start) || !isBlock(end) || end <= start) throw badFrame(`${where} has no blocks`)
  return {
    peer,
    addresses: addresses.map((address: unknown) =>
      checkText(address, `${where} address`, limits.maxAddressBytes),
    ),
    start,
    end,
  }
}

const isBlock = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= limits.maxBlocks

export function readKeyValues(fields: Fields): KeyValues {
  return {
    type: 'key-values',
    ...readStage(fields),
    epoch: fields.integer('epoch', 0, maxUint32),
    position: fields.integer('position', 0, maxUint32),
    rows: fields.integer('rows', 1, limits.maxRowsPerStep),
    journal: fields.flag('journal'),
  }
}

export function readKeyValuesEnd(fields: Fields): KeyValuesEnd {
  return {
    type: 'key-values-end',
    ...readStage(fields),
    epoch: fields.integer('epoch', 0, maxUint32),
    length: fields.integer('length', 0, maxUint32),
    lastStep: fields.integerOrNull('lastStep', 0, maxUint32),
    checksum: fields.id('checksum'),
  }
}
