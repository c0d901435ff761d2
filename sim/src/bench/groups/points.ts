import { spanBytes, type GroupedPipeline, type ModelCosts } from '@shoal/planner'

/** A set of devices and links for which the planner decides whether a group pays. */
export interface Point {
  /** Part of a metric's name. */
  readonly name: 'Near' | 'Far' | 'Pairs'
  /** Devices, the first of each group leading. */
  readonly groups: readonly (readonly string[])[]
  /** Of all blocks, what one device has room for: its part of so many. */
  readonly holders: number
  /** Between devices, in milliseconds; devices of one site are `nearMs` apart, and whoever asks is at the first. */
  readonly farMs: number
}

export const points: readonly Point[] = [
  { name: 'Near', groups: [['a', 'b']], holders: 1, farMs: 0.3 },
  { name: 'Far', groups: [['a', 'b']], holders: 1, farMs: 20 },
  {
    name: 'Pairs',
    groups: [
      ['a', 'b'],
      ['c', 'd'],
    ],
    holders: 4,
    farMs: 20,
  },
]

/** Link of two computers at one switch. */
const nearMs = 0.3
const mbps = 1000

/** Of this machine's time, so that the cores are mostly idle and processes do not slow each other down. */
export const slowdown = 10

/** Devices of one site: each its own where the point has one group, those of a group where it has two. */
function siteOf({ groups }: Point, device: string): string {
  const group = groups.findIndex((devices) => devices.includes(device))
  return groups.length === 1 && device !== groups[0]?.[0] ? 'there' : group === 0 ? 'here' : 'there'
}

/** Of a block, beside those that a device is to have room for: in a group it may have a little more than its equal part. */
const spareBlocks = 0.3

/** Room for a device's part of the blocks, by the planner's own sums. */
export function memoryBytes({ holders }: Point, costs: ModelCosts): number {
  return Math.ceil(
    spanBytes(Math.ceil(costs.blockCount / holders) + spareBlocks, costs, costs.contextLength) / 0.8,
  )
}

interface NodeOfShape {
  readonly name: string
  readonly site: string
  readonly memory: number
  readonly slowdown: number
  readonly blocks?: string
  readonly rankOf?: string
  readonly speed?: number
}

/** The point as a file for `shoal swarm --shape`. */
export interface PointShape {
  readonly nodes: readonly NodeOfShape[]
  readonly links: readonly { readonly between: readonly [string, string]; readonly rttMs: number }[]
  readonly default: { readonly rttMs: number; readonly mbps: number }
}

/** Every device by itself: the planner of the swarm says who holds what. */
export function singleShape(point: Point, costs: ModelCosts): PointShape {
  const nodes = point.groups
    .flat()
    .map((name) => ({ name, site: siteOf(point, name), memory: memoryBytes(point, costs), slowdown }))
  const sites = [...new Set(nodes.map(({ site }) => site))]
  const inside = sites.map((site) => ({ between: [site, site] as const, rttMs: nearMs }))
  return {
    nodes,
    links: [...inside, { between: ['here', 'outside'], rttMs: nearMs }],
    default: { rttMs: point.farMs, mbps },
  }
}

/** The same devices in groups, as they were planned. @param speedOf a device's own speed, by its name */
export function groupShape(
  point: Point,
  costs: ModelCosts,
  planned: GroupedPipeline,
  speedOf: (device: string) => number,
): PointShape {
  const { nodes, ...links } = singleShape(point, costs)
  let start = 0
  const parts = planned.stages.flatMap(({ peers: [leader = '', ...ranks], blocks }) => {
    const range = `${start}:${start + blocks}`
    start += blocks
    return [[leader, { blocks: range }] as const, ...ranks.map((rank) => [rank, { rankOf: leader }] as const)]
  })
  const partOf = new Map<string, { readonly blocks?: string; readonly rankOf?: string }>(parts)
  return {
    ...links,
    nodes: nodes.map((node) => ({ ...node, ...partOf.get(node.name), speed: speedOf(node.name) })),
  }
}
