import { ShoalError } from '@shoal/host'
import type { FormGroup } from '@shoal/protocol'
import { groupLimits } from '../limits.ts'

/** What decides whether a node becomes a member of a group. */
export interface FormChecks {
  readonly manifestId: string
  readonly profile: string
  readonly self: string
  readonly closing: boolean
  /** Ids of the groups that this node is a member of. */
  readonly groups: ReadonlySet<string> | ReadonlyMap<string, unknown>
  accepts(leader: string, request: FormGroup): boolean
}

/** @throws {ShoalError} why this node does not become a member: `not-ready`, `wrong-manifest`, `wrong-profile`, `no-capacity`, `bad-request` */
export function checkForm(leader: string, request: FormGroup, checks: FormChecks): void {
  const { manifest, profile, group, rank, peers } = request
  if (checks.closing) throw new ShoalError('not-ready', 'this node is closing')
  if (manifest !== checks.manifestId)
    throw new ShoalError('wrong-manifest', `this node serves manifest ${checks.manifestId}, not ${manifest}`)
  if (profile !== checks.profile)
    throw new ShoalError('wrong-profile', `this node computes ${checks.profile}, not ${profile}`)
  if (!checks.accepts(leader, request))
    throw new ShoalError('no-capacity', 'this node does not compute for groups that you lead')
  if (peers[0]?.peer !== leader || peers[rank]?.peer !== checks.self)
    throw new ShoalError('bad-request', 'the leader is rank 0, and a rank is asked by its own name')
  if (checks.groups.has(group)) throw new ShoalError('bad-request', 'this group exists here')
  if (checks.groups.size >= groupLimits.groupsMax)
    throw new ShoalError('no-capacity', `this node is a rank of ${groupLimits.groupsMax} groups already`)
}
