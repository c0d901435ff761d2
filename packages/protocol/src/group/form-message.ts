import { checkText, isId, type Fields } from '../fields.ts'
import { badFrame } from '../frame.ts'
import { limits } from '../limits.ts'
import type { FormGroup } from './group-messages.ts'

const maxUint32 = 0xffffffff

/** Reads `group-form`, whose lists by rank must all have the same length. @throws {ShoalError} `bad-frame` */
export function readForm(fields: Fields): FormGroup {
  const end = fields.integer('end', 1, limits.maxBlocks)
  const heads = fields.list('heads', limits.maxRanks, readCount)
  const columns = fields.list('columns', limits.maxRanks, readCount)
  const peers = fields.list('peers', limits.maxRanks, readPeer)
  const sums = fields.list('sums', limits.maxSumSizes, readSumEntry)
  const experts = fields.has('experts') ? fields.list('experts', limits.maxRanks, readCount) : null
  const ranks = (experts ?? heads).length
  const shared = experts === null ? ranks : 0
  if (
    ranks === 0 ||
    heads.length !== shared ||
    columns.length !== shared ||
    peers.length !== ranks ||
    sums.length === 0
  )
    throw badFrame(
      `group-form: heads and columns, or experts, and peers of ${ranks} ranks, and a way to add up, belong together`,
    )
  return {
    type: 'group-form',
    request: fields.integer('request', 0, maxUint32),
    group: fields.id('group'),
    manifest: fields.id('manifest'),
    profile: fields.text('profile', limits.maxNameLength),
    start: fields.integer('start', 0, end - 1),
    end,
    rank: fields.integer('rank', 1, ranks - 1),
    heads,
    columns,
    ...(experts === null ? {} : { experts }),
    sums,
    peers,
  }
}

function readPeer(value: unknown, where: string): FormGroup['peers'][number] {
  const { peer, addresses } = readMap(value, where)
  if (!isId(peer)) throw badFrame(`${where}.peer must be an id`)
  if (!Array.isArray(addresses) || addresses.length > limits.maxAddresses)
    throw badFrame(`${where}.addresses must be a list of at most ${limits.maxAddresses}`)
  return {
    peer,
    addresses: addresses.map((address: unknown) =>
      checkText(address, `${where}.addresses`, limits.maxAddressBytes),
    ),
  }
}

function readSumEntry(value: unknown, where: string): FormGroup['sums'][number] {
  const { bytes, algorithm } = readMap(value, where)
  if (algorithm !== 'star' && algorithm !== 'gather' && algorithm !== 'ring')
    throw badFrame(`${where}.algorithm must be star, gather or ring`)
  return { bytes: readCount(bytes, where), algorithm }
}

function readMap(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw badFrame(`${where} must be a map`)
  return value as Record<string, unknown>
}

function readCount(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maxUint32)
    throw badFrame(`${where} must be an integer from 0 to ${maxUint32}`)
  return value
}
