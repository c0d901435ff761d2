import type { MemberHardware } from '@shoal/membership'
import type { Device } from '@shoal/runtime'
import { groupMemoryBytes } from '../../groups/group-device.ts'
import type { BlockSpeed } from '../../measuring/calibration/calibrate.ts'
import type { StreamedSpan } from '../../placement/held/streamed-span.ts'
import type { NodeOptions } from '../start-node.ts'

/** What the record of a node says of its hardware before it has served. */
export function hardwareOf(
  { group, memoryBytes }: Pick<NodeOptions, 'group' | 'memoryBytes'>,
  { kind, threads }: Device,
  { decodeMicrosPerBlock, decodeMicrosPer1024Past, prefillMicrosPerRowBlock }: BlockSpeed,
  streaming: StreamedSpan | null,
): MemberHardware {
  return {
    memoryBytes:
      group === undefined ? memoryBytes + (streaming?.savedBytes ?? 0) : groupMemoryBytes(memoryBytes, group),
    decodeMicrosPerBlock,
    decodeMicrosPer1024Past,
    prefillMicrosPerRowBlock,
    bandwidthBytesPerSecond: 0,
    device: kind,
    threads,
  }
}
