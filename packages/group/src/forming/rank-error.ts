import { messageOf, ShoalError } from '@shoal/host'

/** An error for which one rank is to blame. */
export class RankError extends ShoalError {
  /** Null when a member reported the loss of another member: it is not known which of the two is to blame. */
  readonly rank: number | null

  constructor(rank: number | null, cause: unknown) {
    const { code, definite } =
      cause instanceof ShoalError ? cause : { code: 'internal' as const, definite: false }
    super(code, messageOf(cause), { definite, cause })
    this.rank = rank
  }
}
