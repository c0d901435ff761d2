import type { Clock } from '@shoal/host'
import { memberLimits } from '../limits.ts'

/** The account of neighbours' recent faults: it decides which peers may stay neighbours. */
export interface Conduct {
  /** Counts a fault of a peer. @returns its faults that are not forgiven, and whether this fault shut it out */
  blame(peer: string): { readonly points: number; readonly shutOut: boolean }
  isShutOut(peer: string): boolean
}

interface Account {
  readonly points: number
  /** Start of the interval (`forgivePointMs`) at whose end the next point is forgiven. */
  readonly atMs: number
  readonly bannedUntilMs: number
}

/**
 * Faults are forgiven one by one, so that a fault now and then over weeks shuts no peer out; only a series does. Accounts
 * without faults are deleted, so that peers that come and go do not use up memory.
 */
export function createConduct(clock: Clock): Conduct {
  const accounts = new Map<string, Account>()

  /** The account without the points that are forgiven by now. Time that has passed towards the next point is kept. */
  const forgiven = (account: Account): Account => {
    const due = Math.floor((clock.nowMs() - account.atMs) / memberLimits.forgivePointMs)
    return account.points <= due
      ? { ...account, points: 0, atMs: clock.nowMs() }
      : {
          ...account,
          points: account.points - due,
          atMs: account.atMs + due * memberLimits.forgivePointMs,
        }
  }
  const isClear = (account: Account): boolean =>
    account.bannedUntilMs <= clock.nowMs() && forgiven(account).points === 0

  return {
    blame(peer) {
      for (const [name, account] of accounts) if (isClear(account)) accounts.delete(name)
      const account = forgiven(accounts.get(peer) ?? { points: 0, atMs: clock.nowMs(), bannedUntilMs: 0 })
      const points = account.points + 1
      const shutOut = points >= memberLimits.maxMisbehaviour
      accounts.set(
        peer,
        shutOut
          ? { points: 0, atMs: clock.nowMs(), bannedUntilMs: clock.nowMs() + memberLimits.banMs }
          : { ...account, points },
      )
      return { points, shutOut }
    },
    isShutOut: (peer) => (accounts.get(peer)?.bannedUntilMs ?? 0) > clock.nowMs(),
  }
}
