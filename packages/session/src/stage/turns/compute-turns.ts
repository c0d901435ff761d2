import { sessionLimits } from '../../route/limits.ts'

/** What one owner of sessions has at a runner. */
interface Account {
  /**
   * Rows of the owner's calls that have begun. After a pause the count is raised to that of the others, so that nobody
   * saves up turns.
   */
  rows: number
  underWay: number
  rowsUnderWay: number
  readonly waiting: Turn[]
}

interface Turn {
  readonly rows: number
  begin(): void
}

/**
 * Shares a runner among the owners of sessions, by rows. The runner refuses what does not fit its queue, so it is asked
 * for little at a time: enough that it never waits, and the steps of many answers, which it computes in one call. Of
 * the owners with steps that wait, the one that has had the fewest rows is next; so an owner that sends much waits for
 * its own steps, and nobody is refused. A step of a prompt that has to wait does not hold up the steps of answers
 * behind it.
 */
export class ComputeTurns {
  readonly #ownerCalls: number
  readonly #accounts = new Map<string, Account>()
  /** Open sessions, by owner. */
  readonly #sessions = new Map<string, number>()
  /** Calls under way with rows of prompts. */
  #largeUnderWay = 0
  /** Rows under way in the other calls. */
  #rowsUnderWay = 0
  /** Rows of the owner whose step began last. */
  #reached = 0

  /** @param sharesCalls whether the runner computes rows of several sessions in one call */
  constructor(sharesCalls = true) {
    this.#ownerCalls = sharesCalls ? Number.POSITIVE_INFINITY : sessionLimits.callsUnderWay
  }

  /** A session of this owner is open from now on. @returns a function that says that it has ended, to be called once */
  enter(owner: string): () => void {
    this.#sessions.set(owner, (this.#sessions.get(owner) ?? 0) + 1)
    return () => {
      const left = (this.#sessions.get(owner) ?? 1) - 1
      if (left === 0) this.#sessions.delete(owner)
      else this.#sessions.set(owner, left)
    }
  }

  /** Rows that the owner's next call may have: all of a step while nobody else has a session here. */
  pieceRows(owner: string): number {
    return this.#isShared(owner) ? sessionLimits.sharedPieceRows : sessionLimits.maxRowsPerStep
  }

  /** Calls `compute` when it is the owner's turn: at once while the runner has little to do. */
  run<Result>(owner: string, rows: number, compute: () => Promise<Result>): Promise<Result> {
    const account = this.#accountOf(owner)
    if (account.waiting.length === 0 && account.underWay === 0)
      account.rows = Math.max(account.rows, this.#reached)
    return new Promise((resolve) => {
      account.waiting.push({ rows, begin: () => resolve(this.#begin(owner, account, rows, compute)) })
      this.#beginNext()
    })
  }

  #accountOf(owner: string): Account {
    const account = this.#accounts.get(owner) ?? { rows: 0, underWay: 0, rowsUnderWay: 0, waiting: [] }
    this.#accounts.set(owner, account)
    return account
  }

  #isShared(owner: string): boolean {
    return this.#sessions.size > (this.#sessions.has(owner) ? 1 : 0)
  }

  /**
   * Where several owners have sessions, one owner has at most one piece, or as many rows of answers, under way, and a
   * row of another owner waits for those only. Where each session needs a call of its own, an owner has at most two
   * calls under way.
   */
  #mayBegin(owner: string, account: Account, rows: number): boolean {
    if (account.underWay === 0 || !this.#isShared(owner)) return true
    return account.underWay < this.#ownerCalls && account.rowsUnderWay + rows <= sessionLimits.sharedPieceRows
  }

  #fits(rows: number): boolean {
    return isLarge(rows)
      ? this.#largeUnderWay < sessionLimits.callsUnderWay
      : this.#rowsUnderWay + rows <= sessionLimits.rowsUnderWay
  }

  #count(account: Account, calls: 1 | -1, rows: number): void {
    account.underWay += calls
    account.rowsUnderWay += calls * rows
    if (isLarge(rows)) this.#largeUnderWay += calls
    else this.#rowsUnderWay += calls * rows
  }

  async #begin<Result>(
    owner: string,
    account: Account,
    rows: number,
    compute: () => Promise<Result>,
  ): Promise<Result> {
    this.#reached = Math.max(this.#reached, account.rows)
    account.rows += rows
    this.#count(account, 1, rows)
    try {
      return await compute()
    } finally {
      this.#count(account, -1, rows)
      if (account.underWay === 0 && account.waiting.length === 0) this.#accounts.delete(owner)
      this.#beginNext()
    }
  }

  #beginNext(): void {
    for (;;) {
      let next: Account | undefined
      let turn: Turn | undefined
      for (const [owner, account] of this.#accounts) {
        if (account.rows >= (next?.rows ?? Number.POSITIVE_INFINITY)) continue
        const first = account.waiting.find(
          ({ rows }) => this.#fits(rows) && this.#mayBegin(owner, account, rows),
        )
        if (first === undefined) continue
        next = account
        turn = first
      }
      if (next === undefined || turn === undefined) return
      next.waiting.splice(next.waiting.indexOf(turn), 1)
      turn.begin()
    }
  }
}

/** More rows than a piece: a step of a prompt. */
function isLarge(rows: number): boolean {
  return rows > sessionLimits.sharedPieceRows
}
