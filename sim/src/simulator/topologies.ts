import type { Random } from '@shoal/host'
import { membershipProfiles, type MembershipProfile } from '@shoal/membership'
import type { LinkShape } from '@shoal/network'

/** A machine of a topology. */
export interface Machine {
  /** Number of blocks that fit. */
  readonly fits: number
  readonly decodeMicrosPerBlock: number
  readonly site: number
  /** Whether the machine takes part in groups. */
  readonly groups?: boolean
}

/** Machines and the links between them. */
export interface Topology {
  readonly name: string
  readonly about: string
  readonly profile: MembershipProfile
  /** Uplink rate that nodes announce. */
  readonly bandwidthBytesPerSecond: number
  /** Limit of the TTFT of a 128-token prompt on slow machines: about twice the present value. */
  readonly ttftMsMax: number
  machine(index: number, count: number, blockCount: number, random: Random): Machine
  /** Link between two sites. Clients are at the site of the first machine. */
  link(a: number, b: number): LinkShape
}

const between = (random: Random, low: number, high: number): number => low + random.unit() * (high - low)

/** Blocks per machine for three copies of the model, so that two losses leave every block with a holder. */
const thirdOf = (count: number, blockCount: number): number =>
  Math.max(1, Math.min(blockCount - 1, Math.ceil((3 * blockCount) / count)))

const lan: Topology = {
  name: 'lan',
  about: 'one room, cables: 0.3 ms, 1 Gbit/s',
  profile: membershipProfiles.lan,
  bandwidthBytesPerSecond: 110_000_000,
  ttftMsMax: 1000,
  machine: (_index, count, blockCount, random) => ({
    fits: thirdOf(count, blockCount),
    decodeMicrosPerBlock: Math.round(between(random, 600, 2500)),
    site: 0,
  }),
  link: () => ({ latencyMs: 0.3, bytesPerSecond: 110_000_000 }),
}

const homeWifi: Topology = {
  ...lan,
  name: 'home-wifi',
  about: 'one home, Wi-Fi: 2 to 5 ms, 100 Mbit/s, a loss in 500',
  bandwidthBytesPerSecond: 12_000_000,
  link: () => ({ latencyMs: 2, jitterMs: 3, bytesPerSecond: 12_000_000, lossPermille: 2 }),
}

const twoSites: Topology = {
  ...lan,
  name: 'two-sites',
  about: 'two rooms with cables, 20 ms and 40 Mbit/s apart',
  profile: membershipProfiles.wan,
  bandwidthBytesPerSecond: 110_000_000,
  ttftMsMax: 1400,
  machine: (index, count, blockCount, random) => ({
    ...lan.machine(index, count, blockCount, random),
    site: index % 2,
  }),
  link: (a, b) =>
    a === b
      ? { latencyMs: 0.3, bytesPerSecond: 110_000_000 }
      : { latencyMs: 20, jitterMs: 2, bytesPerSecond: 5_000_000, lossPermille: 1 },
}

const flakyWifi: Topology = {
  ...lan,
  name: 'flaky-wifi',
  about: 'one home, bad Wi-Fi: 3 to 25 ms, 20 Mbit/s, a loss in 50',
  bandwidthBytesPerSecond: 2_500_000,
  ttftMsMax: 1700,
  link: () => ({ latencyMs: 3, jitterMs: 22, bytesPerSecond: 2_500_000, lossPermille: 20 }),
}

const oneStrong: Topology = {
  ...homeWifi,
  name: 'one-strong-many-weak',
  about: 'one machine that is ten times as fast and holds most of the model, and many small ones, on Wi-Fi',
  ttftMsMax: 3500,
  machine: (index, count, blockCount, random) =>
    index === 0
      ? { fits: blockCount - 1, decodeMicrosPerBlock: 300, site: 0 }
      : {
          fits: Math.max(1, Math.min(blockCount - 1, Math.ceil((3 * blockCount) / Math.max(1, count - 1)))),
          decodeMicrosPerBlock: Math.round(between(random, 3000, 6000)),
          site: 0,
        },
}

export const topologies: readonly Topology[] = [lan, homeWifi, twoSites, flakyWifi, oneStrong]

/** One-way delays between the sites of `four-sites`; the fourth is far from all others. */
const siteMs: readonly (readonly number[])[] = [
  [0.3, 8, 15, 40],
  [8, 0.3, 12, 35],
  [15, 12, 0.3, 45],
  [40, 35, 45, 0.3],
]

/** Machines of random sizes, which grow when there are too few nodes for three copies of the model. */
const fourSites: Topology = {
  ...lan,
  name: 'four-sites',
  about:
    'four rooms with cables, 8 to 45 ms and 80 Mbit/s apart; machines that hold a twentieth of the model to a quarter',
  profile: membershipProfiles.wan,
  ttftMsMax: 20_000,
  machine: (index, count, blockCount, random) => {
    const share = between(random, 0.05, 0.25) * Math.max(1, 20 / count)
    return {
      fits: Math.max(1, Math.min(blockCount - 1, Math.round(share * blockCount))),
      decodeMicrosPerBlock: Math.round(between(random, 100, 1200)),
      site: index % 4,
    }
  },
  link: (a, b) =>
    a === b
      ? { latencyMs: 0.3, bytesPerSecond: 110_000_000 }
      : { latencyMs: siteMs[a]?.[b] ?? 40, jitterMs: 3, bytesPerSecond: 10_000_000, lossPermille: 1 },
}

/** Machines with room for a rank's share beside their span, and blocks so slow that two machines are faster together. */
const desks: Topology = {
  ...lan,
  name: 'desks',
  about: 'one room, cables; machines that hold the model twice, and take 10 ms for a block',
  ttftMsMax: 60_000,
  machine: (_index, _count, blockCount, random) => ({
    fits: 3 * blockCount,
    decodeMicrosPerBlock: Math.round(between(random, 9000, 10_500)),
    site: 0,
    groups: true,
  }),
}

/** Topologies in which plans form groups; `chaos` does not choose them. */
export const groupTopologies: readonly Topology[] = [desks]

/** One loss leaves just enough memory for the model, so that a node must move when the only holder of a block goes. */
const tight: Topology = {
  ...lan,
  name: 'tight',
  about: 'one room, cables; the machines hold the model and one machine can be missed',
  machine: (_index, count, blockCount, random) => ({
    fits: Math.ceil(blockCount / (count - 1)),
    decodeMicrosPerBlock: Math.round(between(random, 600, 2500)),
    site: 0,
  }),
}

/** Topologies in which losses need a move; `chaos` does not choose them. */
export const tightTopologies: readonly Topology[] = [tight]

/** Topologies for large swarms; `chaos` does not choose them. */
export const wideTopologies: readonly Topology[] = [fourSites]
