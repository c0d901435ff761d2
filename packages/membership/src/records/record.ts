import { encode } from 'cborg'
import type { BlockRange } from '@shoal/model'
import { limits } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'
import { asMap, count, isCount, parse, refuse, text, type Fields } from './fields.ts'

/**
 * A node's hardware as the node announces it: measured at the start, later corrected by real steps. Integers, so that every
 * peer computes the same plan.
 */
export interface MemberHardware {
  /** Memory this node gives to weights, KV and journals together. */
  readonly memoryBytes: number
  /** Time of one row through one block with an empty KV cache. */
  readonly decodeMicrosPerBlock: number
  /** Additional time of one row for each 1,024 positions in the KV cache; absent when not measured. */
  readonly decodeMicrosPer1024Past?: number
  /** Time of one row of a prefill chunk through one block. */
  readonly prefillMicrosPerRowBlock: number
  /** The highest of the record's `rates`; 0 when none was measured. */
  readonly bandwidthBytesPerSecond: number
  readonly device: string
  readonly threads: number
}

/** A group that a plan has formed, as its leader announces it. */
export interface MemberGroup {
  /** Peer ids of ranks 1 and up. */
  readonly ranks: readonly string[]
  /** Speeds of all ranks, the leader's first. Whole numbers, of which only the ratios count. */
  readonly speeds: readonly number[]
  /** The leader's own hardware without the group; the record's `hardware` is that of the group. */
  readonly alone: MemberHardware
}

/** The model's weights on a peer's disk, for others to fetch. */
export interface MemberDisk {
  /**
   * Units that are there whole and verified, as ascending half-open ranges of their places in the model: the embedding,
   * the blocks, the head.
   */
  readonly units: readonly BlockRange[]
  /** Bytes of further weights that this peer would keep as copies; rounded down, so that the record changes seldom. */
  readonly spareBytes: number
}

/** What a peer relays for others. */
export interface MemberRelay {
  /** Members for which it keeps a slot. */
  readonly slots: number
  /** Bytes that it forwards for one member, in both directions together. */
  readonly bytesPerSecond: number
}

export const memberStates = ['joining', 'serving', 'draining', 'left'] as const
export type MemberState = (typeof memberStates)[number]

/** A peer's record about itself. Only its owner writes and signs it. */
export interface MemberRecord {
  readonly peerId: string
  /** Number of this life of the owner's key. A higher incarnation ends all lower ones. */
  readonly incarnation: number
  /** Number of this record within the incarnation. */
  readonly seq: number
  readonly state: MemberState
  /** Blocks that it holds now, or is loading while it is `joining`; null for none. */
  readonly span: BlockRange | null
  readonly hardware: MemberHardware
  readonly numericClass: string
  /** Multiaddrs. */
  readonly addresses: readonly string[]
  readonly version: string
  /** Round trip to each neighbour, by peer id, in microseconds; coarser than measured (`linksToAnnounce`). */
  readonly links: Readonly<Record<string, number>>
  /** Bytes per second received from each neighbour, by peer id, in steps of half an octave; absent when none was measured. */
  readonly rates?: Readonly<Record<string, number>>
  /**
   * Present when the peer takes part in groups that plans form. Peers that share a machine, and so its cores, have
   * equal values.
   */
  readonly machine?: string
  /** The group that serves `span`; absent while the peer serves alone, or in a group that no plan has formed. */
  readonly group?: MemberGroup
  /** Absent in peers that keep no weights for others. */
  readonly disk?: MemberDisk
  /** Present when the peer relays connections to members that nobody can dial. */
  readonly relay?: MemberRelay
  /** Why this peer does not do what the plan wants of it, as a sentence; absent or empty when it does. */
  readonly problem?: string
}

/** Deterministic CBOR. */
export function encodeRecord(record: MemberRecord): Uint8Array {
  return encode(record)
}

/** Unknown fields are ignored. @throws {ShoalError} `bad-frame` for anything that is not a record */
export function decodeRecord(bytes: Uint8Array): MemberRecord {
  if (bytes.length > limits.maxRecordBytes)
    throw refuse(`${bytes.length} bytes are over the limit of ${limits.maxRecordBytes}`)
  return recordOf(asMap(parse(bytes), 'record'))
}

function recordOf(fields: Fields): MemberRecord {
  return {
    peerId: text(fields, 'peerId', memberLimits.maxPeerIdLength),
    incarnation: count(fields, 'incarnation'),
    seq: count(fields, 'seq'),
    state: state(fields),
    span: span(fields),
    hardware: hardware(asMap(fields.get('hardware'), 'hardware')),
    numericClass: text(fields, 'numericClass', memberLimits.maxNameLength),
    addresses: addresses(fields),
    version: text(fields, 'version', memberLimits.maxNameLength),
    links: perPeer(fields, 'links', memberLimits.maxLinks),
    ...(fields.has('rates') ? { rates: perPeer(fields, 'rates', memberLimits.maxRates) } : {}),
    ...(fields.has('machine') ? { machine: text(fields, 'machine', memberLimits.maxNameLength) } : {}),
    ...(fields.has('group') ? { group: group(asMap(fields.get('group'), 'group')) } : {}),
    ...(fields.has('disk') ? { disk: disk(asMap(fields.get('disk'), 'disk')) } : {}),
    ...(fields.has('relay') ? { relay: relay(asMap(fields.get('relay'), 'relay')) } : {}),
    ...(fields.has('problem') ? { problem: text(fields, 'problem', memberLimits.maxProblemLength) } : {}),
  }
}

/** Which word a record is derived from. */
export type RecordPlace = Pick<MemberRecord, 'peerId' | 'incarnation' | 'seq'>

/** The fields of a record that have a key of their own in the owner's document. */
const plainFields = [
  'state',
  'span',
  'hardware',
  'numericClass',
  'addresses',
  'version',
  'machine',
  'group',
  'disk',
  'relay',
  'problem',
] as const
/** Each link and each rate has a key of its own, so that a change of one is a small word. */
const perPeerKeys = { links: 'link/', rates: 'rate/' } as const

/** What an owner's document holds of a record: deterministic CBOR by key. */
export function valuesOfRecord(record: Omit<MemberRecord, keyof RecordPlace>): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>()
  for (const field of plainFields) if (record[field] !== undefined) values.set(field, bytesOf(record[field]))
  for (const [field, prefix] of Object.entries(perPeerKeys) as ['links' | 'rates', string][])
    for (const [peer, value] of Object.entries(record[field] ?? {})) values.set(prefix + peer, bytesOf(value))
  return values
}

/** A plain array: the encoder may give a Buffer, which yjs refuses. */
function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(encode(value))
}

/**
 * The record that an owner's document holds. Keys of later releases are ignored.
 * @throws {ShoalError} `bad-frame` when it breaks a rule of records
 */
export function recordOfValues(place: RecordPlace, values: ReadonlyMap<string, Uint8Array>): MemberRecord {
  const fields = new Map<unknown, unknown>(Object.entries(place))
  for (const field of plainFields) {
    const value = values.get(field)
    if (value !== undefined) fields.set(field, parse(value))
  }
  for (const [field, prefix] of Object.entries(perPeerKeys)) {
    const entries = [...values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]): [string, unknown] => [key.slice(prefix.length), parse(value)])
      // In one order for all, whatever the order in which they were written.
      .sort(([a], [b]) => (a < b ? -1 : 1))
    if (entries.length > 0 || field === 'links') fields.set(field, new Map(entries))
  }
  return recordOf(fields)
}

function state(fields: Fields): MemberState {
  const value = memberStates.find((known) => known === fields.get('state'))
  if (value === undefined) throw refuse(`state must be one of ${memberStates.join(', ')}`)
  return value
}

function span(fields: Fields): BlockRange | null {
  const value = fields.get('span')
  if (value === null) return null
  const range = asMap(value, 'span')
  const [start, end] = [count(range, 'start'), count(range, 'end')]
  if (start >= end) throw refuse(`span ${start}:${end} is empty`)
  return { start, end }
}

function hardware(fields: Fields): MemberHardware {
  return {
    memoryBytes: count(fields, 'memoryBytes'),
    decodeMicrosPerBlock: count(fields, 'decodeMicrosPerBlock'),
    ...(fields.has('decodeMicrosPer1024Past')
      ? { decodeMicrosPer1024Past: count(fields, 'decodeMicrosPer1024Past') }
      : {}),
    prefillMicrosPerRowBlock: count(fields, 'prefillMicrosPerRowBlock'),
    bandwidthBytesPerSecond: count(fields, 'bandwidthBytesPerSecond'),
    device: text(fields, 'device', memberLimits.maxNameLength),
    threads: count(fields, 'threads'),
  }
}

function group(fields: Fields): MemberGroup {
  const [ranks, speeds]: unknown[] = [fields.get('ranks'), fields.get('speeds')]
  if (!Array.isArray(ranks) || ranks.length === 0 || ranks.length > memberLimits.maxGroupRanks)
    throw refuse(`ranks is not a list of 1 to ${memberLimits.maxGroupRanks} peers`)
  if (!Array.isArray(speeds) || speeds.length !== ranks.length + 1)
    throw refuse(`speeds is not a list of ${ranks.length + 1} numbers`)
  return {
    ranks: ranks.map((peer: unknown) => {
      if (typeof peer !== 'string' || peer.length > memberLimits.maxPeerIdLength)
        throw refuse('a rank is not a peer id')
      return peer
    }),
    speeds: speeds.map((speed: unknown) => {
      if (!isCount(speed) || speed < 1 || speed > memberLimits.maxRankSpeed)
        throw refuse(`a speed is not a whole number from 1 to ${memberLimits.maxRankSpeed}`)
      return speed
    }),
    alone: hardware(asMap(fields.get('alone'), 'alone')),
  }
}

const relay = (fields: Fields): MemberRelay => ({
  slots: count(fields, 'slots'),
  bytesPerSecond: count(fields, 'bytesPerSecond'),
})

function disk(fields: Fields): MemberDisk {
  const units: unknown = fields.get('units')
  if (!Array.isArray(units) || units.length > memberLimits.maxDiskRanges)
    throw refuse(`units is not a list of at most ${memberLimits.maxDiskRanges} ranges`)
  return {
    units: units.map((range: unknown) => {
      const bounds = asMap(range, 'a range of units')
      const [start, end] = [count(bounds, 'start'), count(bounds, 'end')]
      if (start >= end) throw refuse(`the range of units ${start}:${end} is empty`)
      return { start, end }
    }),
    spareBytes: count(fields, 'spareBytes'),
  }
}

function addresses(fields: Fields): readonly string[] {
  const value = fields.get('addresses')
  if (!Array.isArray(value) || value.length > limits.maxAddresses)
    throw refuse(`addresses is not a list of at most ${limits.maxAddresses}`)
  return value.map((address: unknown) => {
    if (typeof address !== 'string' || address.length > limits.maxAddressBytes)
      throw refuse('an address is not a text, or is too long')
    return address
  })
}

/** Whole numbers by peer id. */
function perPeer(record: Fields, name: string, most: number): Readonly<Record<string, number>> {
  const fields = asMap(record.get(name), name)
  if (fields.size > most) throw refuse(`more than ${most} ${name}`)
  const entries = [...fields].map(([peer, value]): [string, number] => {
    if (typeof peer !== 'string' || peer.length > memberLimits.maxPeerIdLength || !isCount(value))
      throw refuse(`one of ${name} is malformed`)
    return [peer, value]
  })
  return Object.fromEntries(entries)
}
