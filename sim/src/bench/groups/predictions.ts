import { unmeasuredHardware, type Snapshot, type SnapshotMember } from '@shoal/membership'
import { hopMicros, type GroupedPipeline, type ModelCosts } from '@shoal/planner'
import type { PeerStatus } from '@shoal/swarm'

/** The client, where routes begin and end; it is not a member. */
const asker = 'asker'

/** What the members of a running swarm say of themselves and their links, by the names they were started with. */
export function snapshotOf(peers: readonly PeerStatus[], nameOf: (peer: string) => string): Snapshot {
  const links = (
    all: PeerStatus['links'],
    pick: (link: PeerStatus['links'][string]) => number | null,
  ): Record<string, number> =>
    Object.fromEntries(
      Object.entries(all).flatMap(([peer, link]) =>
        pick(link) === null ? [] : [[nameOf(peer), Math.round(pick(link) ?? 0)]],
      ),
    )
  const members = peers.map((peer): SnapshotMember => {
    const rates = links(peer.links, ({ mbps }) => (mbps === null ? null : mbps * 125_000))
    return {
      peerId: nameOf(peer.peer),
      incarnation: peer.incarnation,
      state: peer.state,
      span: peer.blocks === null ? null : { start: peer.blocks[0], end: peer.blocks[1] },
      hardware: {
        memoryBytes: peer.memoryBytes,
        decodeMicrosPerBlock: Math.round(peer.decodeMsPerBlock * 1000),
        prefillMicrosPerRowBlock: 0,
        bandwidthBytesPerSecond: Math.max(0, ...Object.values(rates)),
        device: 'cpu',
        threads: 1,
      },
      numericClass: peer.numericClass,
      addresses: [],
      links: links(peer.links, ({ rttMs }) => (rttMs === null ? null : rttMs * 1000)),
      rates,
    }
  })
  return { members: members.sort((a, b) => (a.peerId < b.peerId ? -1 : 1)) }
}

/** Hops of a token from whoever asks through these devices and back. @param rttMsOf its own round trips */
export function askedHopsMs(
  snapshot: Snapshot,
  costs: ModelCosts,
  devices: readonly string[],
  rttMsOf: (device: string) => number,
): number {
  const found = devices.map((name) => memberOf(snapshot, name))
  const links = Object.fromEntries(devices.map((name) => [name, Math.round(rttMsOf(name) * 1000)]))
  const origin: SnapshotMember = {
    ...memberOf(snapshot, devices[0] ?? ''),
    peerId: asker,
    links,
    rates: {},
    hardware: unmeasuredHardware,
  }
  const stops = [origin, ...found, origin]
  return (
    stops
      .slice(1)
      .reduce((sum, member, index) => sum + hopMicros(stops[index] ?? member, member, costs.rowBytes), 0) /
    1000
  )
}

/** The same around the ring that a plan counts: from the last device to the first, instead of to whoever asks. */
export function ringHopsMs(snapshot: Snapshot, costs: ModelCosts, { stages }: GroupedPipeline): number {
  const leaders = stages.map(({ peers }) => memberOf(snapshot, peers[0] ?? ''))
  return (
    leaders.reduce(
      (sum, leader, index) =>
        sum + hopMicros(leader, leaders[(index + 1) % leaders.length] ?? leader, costs.rowBytes),
      0,
    ) / 1000
  )
}

function memberOf({ members }: Snapshot, name: string): SnapshotMember {
  const member = members.find(({ peerId }) => peerId === name)
  if (member === undefined) throw new Error(`${name} is no member of the swarm`)
  return member
}
