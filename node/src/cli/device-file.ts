import { z } from 'zod'
import { messageOf, ShoalError } from '@shoal/host'
import { parseByteSize } from '@shoal/host/node'
import type { Snapshot } from '@shoal/membership'
import { fileIssue } from './file-issue.ts'

/** Largest device file in bytes: far more than some hundred devices with all their links need. */
export const deviceFileBytesMax = 4 * 1024 * 1024

const size = z.union([z.string(), z.number().positive()]).transform((value, context) => {
  try {
    return parseByteSize(String(value))
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) })
    return z.NEVER
  }
})

const device = z.strictObject({
  name: z.string().min(1).max(64),
  /** Memory for weights and KV caches, such as `8GiB`. */
  memory: size,
  /** Milliseconds for one row through one block of this model, as `shoal bench decode` measures them. */
  decodeMsPerBlock: z.number().positive(),
  /** Milliseconds that each 1,024 positions in the KV cache add to that; 0 when absent. */
  decodeMsPer1024Past: z.number().nonnegative().optional(),
  /** Milliseconds for one row of a prefill chunk through one block; when absent, a sixth of decoding, as measured on CPUs. */
  prefillMsPerRowBlock: z.number().positive().optional(),
  /** Bytes per second of the device's slower direction, such as `12MB`; unknown when absent. */
  bandwidth: size.optional(),
  /** Devices of one numeric class compute the same bits. */
  numericClass: z.string().optional(),
})

const deviceFile = z.strictObject({
  devices: z.array(device).min(1).max(1000),
  /** Pairs of devices whose round trip differs from `rttMs`. */
  links: z
    .array(z.strictObject({ between: z.tuple([z.string(), z.string()]), rttMs: z.number().nonnegative() }))
    .default([]),
  /** Round trip between two devices that `links` does not name. */
  rttMs: z.number().nonnegative().default(1),
})

/** A row costs less in prefill: decoding reads every weight for one row, prefill for many. */
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
  if (double !== undefined)
    throw new ShoalError(
      'bad-request',
      `two devices are called '${double}': give each device a name of its own`,
    )
  const stranger = file.links.flatMap(({ between }) => between).find((name) => !names.includes(name))
  if (stranger !== undefined)
    throw new ShoalError('bad-request', `a link names '${stranger}', which is not a device in the file`)
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
  throw new ShoalError('bad-request', `the device file: ${fileIssue(result.error.issues, json)}`)
}
