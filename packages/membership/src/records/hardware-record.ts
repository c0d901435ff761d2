import { decode, encode } from 'cborg'
import { ShoalError } from '@shoal/host'
import type { RecordRules, Transport } from '@shoal/network'
import { limits } from '@shoal/protocol'
import { decodeRecord, encodeRecord, type MemberRecord } from './record.ts'
import { signatureBytes, signedBytes, type Signer } from './seal.ts'

/** A node's entry in the directory, which any peer can read: the swarm in which it serves, and its hardware. */
export interface HardwareRecord {
  readonly manifest: string
  /** The model's name, for people. */
  readonly model: string
  /** Numeric profile (`int4:32`). */
  readonly profile: string
  /**
   * The owner's member record. Its incarnation and `seq` order the entries of one owner. Links, rates, machine and group
   * are left out: they would show the node's neighbours.
   */
  readonly member: MemberRecord
}

/** Format of the record. A reader refuses a later format, since it cannot know what that changes. */
const formatVersion = 1

/** Addresses in the entry. A member record has room for more, and for longer ones. */
const maxAddresses = 8

/**
 * @returns `signature(64) ‖ CBOR`. The signature, by the member's key, is valid for this purpose and this manifest
 * only.
 */
export async function sealHardware(
  signer: Pick<Signer, 'sign'>,
  { manifest, model, profile, member }: HardwareRecord,
): Promise<Uint8Array> {
  const { rates: _rates, machine: _machine, group, ...rest } = member
  const told: MemberRecord = {
    ...rest,
    hardware: group?.alone ?? rest.hardware,
    links: {},
    addresses: member.addresses.slice(0, maxAddresses),
  }
  const body = encode({ v: formatVersion, manifest, model, profile, member: encodeRecord(told) })
  const bytes = new Uint8Array(signatureBytes + body.length)
  bytes.set(await signer.sign(signedBytes('hardware', manifest, body)))
  bytes.set(body, signatureBytes)
  return bytes
}

/**
 * Unknown fields are ignored.
 * @throws {ShoalError} `wrong-version` for a later format, `bad-frame` for anything else that is not a record signed by `owner`
 */
export async function openHardware(
  owner: string,
  bytes: Uint8Array,
  verify: Transport['verify'],
): Promise<HardwareRecord> {
  if (bytes.length <= signatureBytes) throw refuse('it is shorter than its signature')
  const body = bytes.subarray(signatureBytes)
  const record = decodeHardware(body)
  if (record.member.peerId !== owner)
    throw refuse(`it names ${record.member.peerId}, but was found under ${owner}`)
  if (
    !(await verify(owner, signedBytes('hardware', record.manifest, body), bytes.subarray(0, signatureBytes)))
  )
    throw refuse(`${owner} did not sign it`)
  return record
}

/** The rules by which the directory accepts and orders these records. */
export const hardwareRules: RecordRules = {
  async order(owner, bytes, verify) {
    const { incarnation, seq } = (await openHardware(owner, bytes, verify)).member
    return { incarnation, seq }
  },
}

/** The body without its signature. @throws {ShoalError} as {@link openHardware} */
export function decodeHardware(body: Uint8Array): HardwareRecord {
  let fields: unknown
  try {
    fields = decode(body, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
    })
  } catch (cause) {
    throw refuse('its CBOR is damaged', cause)
  }
  if (!(fields instanceof Map)) throw refuse('it is not a map')
  const version: unknown = fields.get('v')
  if (typeof version !== 'number' || version < 1) throw refuse('it has no version')
  if (version > formatVersion)
    throw new ShoalError(
      'wrong-version',
      `a hardware record of version ${version} was refused: this release reads up to ${formatVersion}`,
    )
  const member: unknown = fields.get('member')
  if (!(member instanceof Uint8Array)) throw refuse('it has no member record')
  const manifest = text(fields, 'manifest', limits.maxIdLength)
  return {
    manifest,
    model: text(fields, 'model', limits.maxNameLength),
    profile: text(fields, 'profile', limits.maxNameLength),
    member: decodeRecord(member),
  }
}

function text(fields: ReadonlyMap<unknown, unknown>, name: string, lengthMax: number): string {
  const value = fields.get(name)
  if (typeof value !== 'string' || value === '' || value.length > lengthMax)
    throw refuse(`${name} is not a text of 1 to ${lengthMax} characters`)
  return value
}

function refuse(why: string, cause?: unknown): ShoalError {
  return new ShoalError('bad-frame', `a hardware record was refused: ${why}`, { cause })
}
