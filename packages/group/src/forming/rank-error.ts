import { messageOf, ShoalError } from '@shoal/host'

/** An error for which one rank is to blame. */
export class RankError extends ShoalError {
  /** Null when it is only known that the ranks do not reach each other. */
  readonly rank: number | null

  constructor(rank: number | null, cause: unknown) {
    const { code, definite } =
      cause instanceof ShoalError ? cause : { code: 'internal' as const, definite: false }
    super(code, messageOf(cause), { definite, cause })
    this.rank = rank
  }
}
