import { sessionLimits } from '../../route/limits.ts'

/** What one owner of sessions has at a runner. */
interface Account {
  /** Rows that began, brought up to those of the others after a pause, so that nobody saves up turns. */
  rows: number
  underWay: number
  readonly waiting: Turn[]
}

interface Turn {
  readonly rows: number
  begin(): void
}

/**
 * Shares a runner among the owners of sessions, by rows. The runner computes in the order in which it is asked and refuses
 * what does not fit its queue, so it is asked for little at a time: enough that it never waits. Of the owners with steps
 * that wait, the one that has had the fewest rows is next; so one that sends much waits for itself, and nobody is refused.
 */
export class ComputeTurns {
  readonly #accounts = new Map<string, Account>()
  #underWay = 0
  #rowsUnderWay = 0
  /** Rows of the owner whose step began last. */
  #reached = 0

  /** Calls `compute` when it is the owner's turn: at once while the runner has little to do. */
  run<Result>(owner: string, rows: number, compute: () => Promise<Result>): Promise<Result> {
    const account = this.#accountOf(owner)
    if (account.waiting.length === 0 && account.underWay === 0)
      account.rows = Math.max(account.rows, this.#reached)
    if (this.#fits(rows) && ![...this.#accounts.values()].some(({ waiting }) => waiting.length > 0))
      return this.#begin(owner, account, rows, compute)
    return new Promise((resolve) => {
      account.waiting.push({ rows, begin: () => resolve(this.#begin(owner, account, rows, compute)) })
    })
  }

  #accountOf(owner: string): Account {
    const account = this.#accounts.get(owner) ?? { rows: 0, underWay: 0, waiting: [] }
    this.#accounts.set(owner, account)
    return account
  }

  #fits(rows: number): boolean {
    return (
      this.#underWay < sessionLimits.callsUnderWay || this.#rowsUnderWay + rows <= sessionLimits.rowsUnderWay
    )
  }

  async #begin<Result>(
    owner: string,
    account: Account,
    rows: number,
    compute: () => Promise<Result>,
  ): Promise<Result> {
    this.#reached = Math.max(this.#reached, account.rows)
    account.rows += rows
    account.underWay += 1
    this.#underWay += 1
    this.#rowsUnderWay += rows
    try {
      return await compute()
    } finally {
      account.underWay -= 1
      this.#underWay -= 1
      this.#rowsUnderWay -= rows
      if (account.underWay === 0 && account.waiting.length === 0) this.#accounts.delete(owner)
      this.#beginNext()
    }
  }

  #beginNext(): void {
    for (;;) {
      let next: Account | undefined
      for (const account of this.#accounts.values())
        if (account.waiting.length > 0 && account.rows < (next?.rows ?? Number.POSITIVE_INFINITY))
          next = account
      const turn = next?.waiting[0]
      if (next === undefined || turn === undefined || !this.#fits(turn.rows)) return
      next.waiting.shift()
      turn.begin()
    }
  }
}
