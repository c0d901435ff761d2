import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { ModelError } from '@shoal/model'

/** Most devices in one file. */
const devicesMax = 4096

/**
 * Reads a devices file for `shoal plan`, which describes a swarm that does not run.
 *
 *     { "devices": [{ "name": "desk", "memory": "8GiB", "decodeMsPerBlock": 1.2, "prefillMsPerRowBlock": 0.1,
 *                     "bandwidthMbit": 1000, "numericClass": "avx2" }],
 *       "links": [{ "between": ["desk", "shelf"], "rttMs": 0.4 }], "defaultRttMs": 2 }
 *
 * Only `name`, `memory` (bytes, or a string with a unit: B, KB, MB, GB, KiB, MiB, GiB) and `decodeMsPerBlock` are
 * required. Where `prefillMsPerRowBlock` is absent, a row of a prefill costs a tenth of a decode step.
 * @throws {ModelError} `bad-request` with the name of the field
 */
export function parseDevices(text: string): Snapshot {
  const file = asObject(parseJson(text), 'the devices file')
  const devices = asArray(file['devices'], 'devices').map((device, index) =>
    parseDevice(asObject(device, `devices[${index}]`), `devices[${index}]`),
  )
  if (devices.length === 0 || devices.length > devicesMax)
    throw refuse(`devices must list 1 to ${devicesMax} devices`)
  if (new Set(devices.map(({ peerId }) => peerId)).size < devices.length)
    throw refuse('two devices have the same name')
  const links = parseLinks(
    file,
    devices.map(({ peerId }) => peerId),
  )
  const members = devices.map((member) => ({ ...member, links: links.get(member.peerId) ?? {} }))
  return { members: members.sort((a, b) => (a.peerId < b.peerId ? -1 : 1)) }
}

function parseDevice(device: Fields, at: string): SnapshotMember {
  const name = device['name']
  if (typeof name !== 'string' || name === '' || name.length > 128)
    throw refuse(`${at}.name must be a string of 1 to 128 characters`)
  const decodeMs = positive(device['decodeMsPerBlock'], `${at}.decodeMsPerBlock`)
  const prefillMs =
    device['prefillMsPerRowBlock'] === undefined
      ? decodeMs / 10
      : positive(device['prefillMsPerRowBlock'], `${at}.prefillMsPerRowBlock`)
  const numericClass = device['numericClass'] ?? 'none'
  if (typeof numericClass !== 'string') throw refuse(`${at}.numericClass must be a string`)
  return {
    peerId: name,
    incarnation: 1,
    state: 'joining',
    span: null,
    hardware: {
      memoryBytes: parseMemory(device['memory'], `${at}.memory`),
      decodeMicrosPerBlock: toMicros(decodeMs),
      prefillMicrosPerRowBlock: toMicros(prefillMs),
      bandwidthBytesPerSecond:
        device['bandwidthMbit'] === undefined
          ? 0
          : Math.round(positive(device['bandwidthMbit'], `${at}.bandwidthMbit`) * 125_000),
      device: typeof device['device'] === 'string' ? device['device'] : 'cpu',
      threads: 1,
    },
    numericClass,
    addresses: [],
    links: {},
  }
}

/** Round trips by device, in both directions. `defaultRttMs` applies to links that the file does not list. */
function parseLinks(file: Fields, names: readonly string[]): ReadonlyMap<string, Record<string, number>> {
  const links = new Map<string, Record<string, number>>(names.map((name) => [name, {}]))
  const set = (a: string, b: string, micros: number): void => {
    for (const [from, to] of [[a, b] as const, [b, a] as const]) {
      const known = links.get(from)
      if (known === undefined) throw refuse(`links name '${from}', which is not a device`)
      known[to] = micros
    }
  }
  if (file['defaultRttMs'] !== undefined) {
    const micros = toMicros(positive(file['defaultRttMs'], 'defaultRttMs'))
    for (const [index, a] of names.entries()) for (const b of names.slice(index + 1)) set(a, b, micros)
  }
  for (const [index, value] of asArray(file['links'] ?? [], 'links').entries()) {
    const link = asObject(value, `links[${index}]`)
    const [a, b, ...rest] = asArray(link['between'], `links[${index}].between`)
    if (typeof a !== 'string' || typeof b !== 'string' || a === b || rest.length > 0)
      throw refuse(`links[${index}].between must name two devices`)
    set(a, b, toMicros(positive(link['rttMs'], `links[${index}].rttMs`)))
  }
  return links
}

type Fields = Readonly<Record<string, unknown>>

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ModelError('bad-request', 'the devices file is not JSON', { cause })
  }
}

function refuse(why: string): ModelError {
  return new ModelError('bad-request', `devices file: ${why}`)
}

function asObject(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(`${name} must be an object`)
  return value as Fields
}

function asArray(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw refuse(`${name} must be a list`)
  return value
}

function positive(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    throw refuse(`${name} must be a number above 0`)
  return value
}

function toMicros(ms: number): number {
  return Math.max(1, Math.round(ms * 1000))
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

function parseMemory(value: unknown, name: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMG]i?B|B|)$/.exec(String(value)) ?? []
  const bytes = Math.round(Number(number) * (unitBytes[unit ?? ''] ?? Number.NaN))
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw refuse(`${name} must be a number of bytes, or a string such as "8GiB"`)
  return bytes
}
