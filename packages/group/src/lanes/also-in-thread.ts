import type { GroupRank } from '../rank/group-rank.ts'
import type { RankThread } from './rank-thread-control.ts'

/** A rank whose calls also begin, fail and end in its computing thread, where that may be making the sums. */
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
