import type { Clock, ShoalError } from '@shoal/host'
import type { FormGroup, GroupPart } from '@shoal/protocol'
import { createCollective, type Collective } from '../collectives/collective.ts'
import type { Algorithm } from '../collectives/exchange.ts'
import { groupTimes } from '../limits.ts'
import { rankLost, type RankLink } from '../rank-link.ts'

export type SumTable = FormGroup['sums']

export interface GroupRankOptions {
  readonly clock: Clock
  readonly rank: number
  /** By rank. */
  readonly peers: readonly { readonly peer: string }[]
  readonly sums: SumTable
  /** Another rank is lost or broke the protocol, so no sum can be made any more. */
  onLost(rank: number, error: ShoalError): void
}

/** One rank's links to the others, and the sums over them. */
export interface GroupRank {
  readonly collective: Collective
  /** Sends parts for `rank` over this link, and counts its end as the loss of that rank. */
  attach(rank: number, link: RankLink): void
  receive(rank: number, part: GroupPart, values: Float32Array): void
  /** A rank's name in error messages. */
  nameOf(rank: number): string
  close(error: ShoalError): void
}

export function createGroupRank(options: GroupRankOptions): GroupRank {
  const { clock, rank, peers, sums } = options
  const links = new Map<number, RankLink>()
  let closed = false
  const nameOf = (other: number): string => `rank ${other} (${peers[other]?.peer ?? 'unknown'})`
  const collective = createCollective({
    clock,
    rank,
    ranks: peers.length,
    algorithm: (bytes) => algorithmOf(sums, bytes),
    deadlineMs: groupTimes.sumDeadlineMs,
    nameOf,
    refuse: (from, error) => links.get(from)?.abort(error),
    send({ call, sum }, { to, kind, chunk, values }) {
      links.get(to)?.send({ type: 'group-part', call, sum, kind, chunk }, values)
    },
  })
  const lost = (other: number, error: ShoalError): void => {
    if (closed) return
    collective.close(error)
    options.onLost(other, error)
  }
  return {
    collective,
    nameOf,
    attach(other, link) {
      links.set(other, link)
      link.onClose((error) => lost(other, rankLost(nameOf(other), error)))
    },
    receive: (other, { call, sum, kind, chunk }, values) =>
      collective.receive(other, { call, sum }, { kind, chunk, values }),
    close(error) {
      closed = true
      collective.close(error)
      for (const link of links.values()) link.close()
      links.clear()
    },
  }
}

/** The algorithm of the first entry that is large enough, or of the last entry. */
export function algorithmOf(sums: SumTable, bytes: number): Algorithm {
  return (sums.find((entry) => bytes <= entry.bytes) ?? sums.at(-1))?.algorithm ?? 'gather'
}
