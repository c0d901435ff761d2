import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { spanBytes, type ModelCosts } from './costs.ts'
import type { GroupOf } from './group-nodes.ts'

/** Members and models in few words: for tests and examples. */
export interface MemberSketch {
  readonly name: string
  /** Blocks that fit. */
  readonly fits: number
  readonly blockMicros?: number
  readonly span?: readonly [number, number]
  readonly state?: SnapshotMember['state']
  readonly numericClass?: string
  readonly bytesPerSecond?: number
  readonly links?: Readonly<Record<string, number>>
  /** It takes part in groups. */
  readonly machine?: string
  /** The group that serves its span. */
  readonly group?: GroupOf
}

export function sketchCosts(blockCount: number): ModelCosts {
  return {
    blockCount,
    blockBytes: 1_000_000,
    cacheBytesPerTokenPerBlock: 1000,
    rowBytes: 4096,
    contextLength: 1024,
  }
}

export function sketchMember(costs: ModelCosts, sketch: MemberSketch): SnapshotMember {
  const blockMicros = sketch.blockMicros ?? 1000
  const hardware = {
    // Just enough with the planner's head-room for the whole context.
    memoryBytes:
      sketch.fits === 0 ? 0 : Math.ceil(spanBytes(sketch.fits, costs, costs.contextLength) / 0.8) + 1000,
    decodeMicrosPerBlock: blockMicros,
    prefillMicrosPerRowBlock: Math.ceil(blockMicros / 10),
    bandwidthBytesPerSecond: sketch.bytesPerSecond ?? 100_000_000,
    device: 'cpu',
    threads: 1,
  }
  return {
    peerId: sketch.name,
    incarnation: 1,
    state: sketch.state ?? (sketch.span === undefined ? 'joining' : 'serving'),
    span: sketch.span === undefined ? null : { start: sketch.span[0], end: sketch.span[1] },
    hardware,
    numericClass: sketch.numericClass ?? 'one',
    addresses: [`/memory/${sketch.name}/p2p/${sketch.name}`],
    links: sketch.links ?? {},
    ...(sketch.machine !== undefined && { machine: sketch.machine }),
    // What the group is said to do plays no part in plans.
    ...(sketch.group !== undefined && {
      group: { ...sketch.group, alone: hardware },
      hardware: { ...hardware, memoryBytes: 2 * hardware.memoryBytes, decodeMicrosPerBlock: 1 },
    }),
  }
}

export function sketchSnapshot(costs: ModelCosts, sketches: readonly MemberSketch[]): Snapshot {
  const members = sketches
    .map((sketch) => sketchMember(costs, sketch))
    .sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  return { members }
}
