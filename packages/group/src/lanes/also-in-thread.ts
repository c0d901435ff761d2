import type { GroupRank } from '../rank/group-rank.ts'
import type { RankThread } from './rank-thread-control.ts'

/**
 * Makes the calls of a rank also begin, fail and end in its computing thread, which may be making the sums.
 * @param thread null while the computing thread does not know of the group
 */
export function alsoInThread(ranks: GroupRank, thread: () => RankThread | null): GroupRank {
  const { collective } = ranks
  return {
    collective: {
      begin(call) {
        collective.begin(call)
        thread()?.begin(call)
      },
      sum: (rows) => collective.sum(rows),
      receive: (from, id, part) => collective.receive(from, id, part),
      fail(call, error) {
        collective.fail(call, error)
        thread()?.fail(call, error)
      },
      close(error) {
        collective.close(error)
        thread()?.end(error)
      },
    },
    attach: (rank, link) => ranks.attach(rank, link),
    receive: (rank, part, values) => ranks.receive(rank, part, values),
    nameOf: (rank) => ranks.nameOf(rank),
    close(error) {
      ranks.close(error)
      thread()?.end(error)
    },
  }
}
