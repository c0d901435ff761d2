import { sealHardware, type Membership, type MemberRecord } from '@shoal/membership'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { Directory, Transport } from '@shoal/network'

/** This node's member record in the directory, signed once more, by which strangers choose a node. */
export interface OwnAnnouncement {
  /** This node's record in membership. */
  record(): MemberRecord | undefined
  /** Whether anything has been published. */
  readonly published: boolean
  /** Whether a field by which strangers choose has changed since the last publication. Other changes wait for the next turn. */
  changed(): boolean
  /** @returns the number of directory peers that stored it */
  publish(record: MemberRecord, signal: AbortSignal): Promise<number>
}

export function createOwnAnnouncement(dependencies: {
  readonly directory: Pick<Directory, 'publish'>
  readonly transport: Pick<Transport, 'peerId' | 'sign'>
  readonly membership: Pick<Membership, 'members'>
  readonly manifest: IdentifiedManifest
}): OwnAnnouncement {
  const { directory, transport, membership, manifest } = dependencies
  const { name, profile } = manifest.manifest
  let seq = 0
  let published: string | null = null
  const record = (): MemberRecord | undefined =>
    membership.members().find((member) => member.record.peerId === transport.peerId)?.record

  return {
    record,
    get published() {
      return published !== null
    },
    changed() {
      const own = record()
      return own !== undefined && essence(own) !== published
    },
    async publish(own, signal) {
      seq += 1
      published = essence(own)
      const sealed = await sealHardware(transport, {
        manifest: manifest.id,
        model: name,
        profile: formatProfile(profile),
        member: { ...own, seq },
      })
      return directory.publish(sealed, { signal })
    },
  }
}

/** The fields by which strangers choose a node. */
function essence({ incarnation, state, span, addresses }: MemberRecord): string {
  return JSON.stringify([incarnation, state, span, addresses])
}
