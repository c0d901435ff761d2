import type { MemberHardware } from './record.ts'

/** The hardware of a peer that has announced none: it holds no blocks and computes none. */
export const unmeasuredHardware: MemberHardware = {
  memoryBytes: 0,
  decodeMicrosPerBlock: 0,
  prefillMicrosPerRowBlock: 0,
  bandwidthBytesPerSecond: 0,
  device: 'none',
  threads: 0,
}
