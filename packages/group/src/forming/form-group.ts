import { groupTimes } from '../limits.ts'
import type { Formation, FormationOptions, GroupPeer } from './formation.ts'
import { FormedGroup } from './formed-group.ts'
import { askMember, openMemberLink, type LinkDependencies } from './member-link.ts'
import { RankError } from './rank-error.ts'

/**
 * Forms a group: has every member load its share, has the members connect to each other, and has sums go over lanes
 * between the computing threads where all ranks have lanes.
 * @throws {RankError} the rank that failed, and why
 */
export async function formGroup(
  dependencies: LinkDependencies,
  options: FormationOptions,
  signal: AbortSignal,
): Promise<Formation> {
  // The peers travel to members, so they must have no other fields.
  const peers = options.peers.map(({ peer, addresses }) => ({ peer, addresses }))
  const formed = new FormedGroup(dependencies, { ...options, peers })
  try {
    formed.classes = await Promise.all(
      peers
        .slice(1)
        .map((peer, index) =>
          loadMember(dependencies, formed, options, { rank: index + 1, peer, peers }, signal),
        ),
    )
    const lanes = formed.startLanes()
    const connected = await formed.askAll(
      (request) => ({ type: 'group-connect', request }),
      groupTimes.connectTimeoutMs,
      signal,
    )
    const members = peers.map((_, rank) => rank).slice(1)
    if ((await lanes.all(members)) && connected.every((done) => done.lanes === true)) {
      formed.tellAll({ type: 'group-lanes' })
      options.thread.use()
      dependencies.logger.info('group-lanes', { ranks: peers.length })
    }
    return formed
  } catch (error) {
    formed.end()
    throw formed.blame(error)
  }
}

/** Connects to a member and has it load its share. @returns the member's numeric class @throws {RankError} */
async function loadMember(
  dependencies: LinkDependencies,
  formed: FormedGroup,
  { group, manifestId, profile, range, split, sums }: FormationOptions,
  {
    rank,
    peer,
    peers,
  }: { readonly rank: number; readonly peer: GroupPeer; readonly peers: readonly GroupPeer[] },
  signal: AbortSignal,
): Promise<string> {
  try {
    const member = await openMemberLink(dependencies, peer, formed.nameOf(rank), signal)
    formed.attach(rank, member)
    const { numericClass } = await askMember(
      member,
      (request) => ({
        type: 'group-form',
        request,
        group,
        manifest: manifestId,
        profile,
        start: range.start,
        end: range.end,
        rank,
        heads: split.heads,
        columns: split.columns,
        ...(split.experts === undefined ? {} : { experts: split.experts }),
        sums,
        peers,
      }),
      groupTimes.formTimeoutMs,
      signal,
    )
    return numericClass ?? 'none'
  } catch (error) {
    throw new RankError(rank, error)
  }
}
