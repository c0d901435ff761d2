import { silentLogger, type Clock, type Random } from '@shoal/host'
import { createMembership, membershipProfiles, type Announcement, type Membership } from '@shoal/membership'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import { withSelf, type MemoryNetwork, type Transport } from '@shoal/network'
import { createStageHost, type StageHost } from '@shoal/session'
import { createSwarmView, type SwarmView } from '../view/swarm-view.ts'

/** A member of a `SmallSwarm`. Everything is real except time, the network and the computing. */
export interface SmallPeer {
  readonly name: string
  readonly transport: Transport
  readonly membership: Membership
  readonly view: SwarmView
  readonly stageHost: StageHost
  announce(announcement: Announcement): Promise<void>
  /** Announces a span; no blocks are loaded. */
  serve(start: number, end: number): Promise<void>
}

const hardware = {
  memoryBytes: 1 << 30,
  decodeMicrosPerBlock: 1000,
  prefillMicrosPerRowBlock: 100,
  bandwidthBytesPerSecond: 0,
  device: 'cpu',
  threads: 1,
}

/** A peer that has announced nothing and knows nobody yet. */
export function createSmallPeer(
  {
    clock,
    random,
    network,
  }: { readonly clock: Clock; readonly random: Random; readonly network: MemoryNetwork },
  manifest: IdentifiedManifest,
  name: string,
): SmallPeer {
  const transport = withSelf(network.createTransport(name), clock)
  const membership = createMembership(
    { transport, clock, random, logger: silentLogger },
    { ...membershipProfiles.local, document: manifest.id, incarnation: 1 },
  )
  const stageHost = createStageHost(
    { transport, clock, logger: silentLogger },
    {
      manifestId: manifest.id,
      profile: formatProfile(manifest.manifest.profile),
      numericClass: 'fake',
      get incarnation() {
        return membership.incarnation
      },
    },
  )
  const announce = (announcement: Announcement): Promise<void> =>
    membership.announce({
      hardware,
      numericClass: 'fake',
      version: 'test',
      addresses: transport.addresses(),
      ...announcement,
    })
  return {
    name,
    transport,
    membership,
    view: createSwarmView({ selfId: name, manifest, membership }),
    stageHost,
    announce,
    serve: (start, end) => announce({ state: 'serving', span: { start, end } }),
  }
}
