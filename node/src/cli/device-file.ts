import { z } from 'zod'
import { ShoalError } from '@shoal/host'
import { parseByteSize } from '@shoal/host/node'
import type { Snapshot } from '@shoal/membership'

/** Bytes of a device file: some hundred devices with all their links are far below. */
export const deviceFileBytesMax = 4 * 1024 * 1024

const size = z.union([z.string(), z.number().positive()]).transform((value) => parseByteSize(String(value)))

const device = z.strictObject({
  name: z.string().min(1).max(64),
  /** For weights and KV caches, e.g. `8GiB`. */
  memory: size,
  /** One row through one block of this model. `shoal bench decode` measures it. */
  decodeMsPerBlock: z.number().positive(),
  /** What each 1,024 positions of the cache add to that; nothing when left out. */
  decodeMsPer1024Past: z.number().nonnegative().optional(),
  /** One row of a prefill chunk through one block; a sixth of decoding when it is left out: measured on CPUs. */
  prefillMsPerRowBlock: z.number().positive().optional(),
  /** Bytes per second of its slower direction, e.g. `12MB`; not known when left out. */
  bandwidth: size.optional(),
  /** Devices of one class compute the same bits. */
  numericClass: z.string().optional(),
})

const deviceFile = z.strictObject({
  devices: z.array(device).min(1).max(1000),
  /** Round trips that differ from `rttMs`. */
  links: z
    .array(z.strictObject({ between: z.tuple([z.string(), z.string()]), rttMs: z.number().nonnegative() }))
    .default([]),
  /** Round trip between any two devices. */
  rttMs: z.number().nonnegative().default(1),
})

/** Decoding reads every weight for one row, prefilling for many. */
const prefillShare = 1 / 6

const micros = (ms: number): number => Math.max(1, Math.round(ms * 1000))

/**
 * The devices of `shoal plan --devices FILE` as a swarm in which nobody holds anything yet.
 * @throws {ShoalError} `bad-request` naming what is wrong with the file
 */
export function snapshotOfDevices(text: string): Snapshot {
  const file = parse(text)
  const names = file.devices.map(({ name }) => name)
  const double = names.find((name, index) => names.indexOf(name) !== index)
  if (double !== undefined) throw new ShoalError('bad-request', `two devices are called '${double}'`)
  const stranger = file.links.flatMap(({ between }) => between).find((name) => !names.includes(name))
  if (stranger !== undefined)
    throw new ShoalError('bad-request', `a link names '${stranger}', which is none of the devices`)
  const rttOf = (a: string, b: string): number =>
    file.links.find(({ between }) => between.includes(a) && between.includes(b))?.rttMs ?? file.rttMs
  const members = file.devices.map(
    ({
      name,
      memory,
      decodeMsPerBlock,
      decodeMsPer1024Past,
      prefillMsPerRowBlock,
      bandwidth,
      numericClass,
    }) => ({
      peerId: name,
      incarnation: 1,
      state: 'joining' as const,
      span: null,
      hardware: {
        memoryBytes: memory,
        decodeMicrosPerBlock: micros(decodeMsPerBlock),
        decodeMicrosPer1024Past: Math.round((decodeMsPer1024Past ?? 0) * 1000),
        prefillMicrosPerRowBlock: micros(prefillMsPerRowBlock ?? decodeMsPerBlock * prefillShare),
        bandwidthBytesPerSecond: bandwidth ?? 0,
        device: 'cpu',
        threads: 1,
      },
      numericClass: numericClass ?? 'paper',
      addresses: [],
      links: Object.fromEntries(
        names.filter((other) => other !== name).map((other) => [other, micros(rttOf(name, other))]),
      ),
    }),
  )
  return { members: members.sort((a, b) => (a.peerId < b.peerId ? -1 : 1)) }
}

function parse(text: string): z.infer<typeof deviceFile> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ShoalError('bad-request', 'the device file is not JSON', { cause: error })
  }
  const result = deviceFile.safeParse(json)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new ShoalError(
    'bad-request',
    `the device file: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'wrong'}`,
  )
}
