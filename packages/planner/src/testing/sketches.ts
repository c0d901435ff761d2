import type { SnapshotMember } from '@shoal/membership'
import { spanBytes, type ModelCosts } from '../costs/costs.ts'
import type { GroupOf } from '../groups/grouping.ts'
import type { PlannerSnapshot } from '../snapshot.ts'

/** A member in few words, for tests. */
export interface MemberSketch {
  readonly name: string
  /** How many blocks fit its memory. */
  readonly fits: number
  readonly blockMicros?: number
  readonly span?: readonly [number, number]
  readonly state?: SnapshotMember['state']
  readonly numericClass?: string
  readonly bytesPerSecond?: number
  readonly links?: Readonly<Record<string, number>>
  /** The machine that it names, by which it takes part in groups. */
  readonly machine?: string
  /** The group that it leads and that serves its span. */
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
    // Just enough for a cache of the whole context, the planner's head-room included.
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
    // Plans must not read the hardware of the group, so it differs from that of the leader.
    ...(sketch.group !== undefined && {
      group: { ...sketch.group, alone: hardware },
      hardware: { ...hardware, memoryBytes: 2 * hardware.memoryBytes, decodeMicrosPerBlock: 1 },
    }),
  }
}

export function sketchSnapshot(costs: ModelCosts, sketches: readonly MemberSketch[]): PlannerSnapshot {
  const members = sketches
    .map((sketch) => sketchMember(costs, sketch))
    .sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  return { members, costs }
}
