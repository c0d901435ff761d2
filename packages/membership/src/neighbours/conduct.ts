import type { Clock } from '@shoal/host'
import { memberLimits } from '../limits.ts'

/** How neighbours have behaved lately: may they stay neighbours? */
export interface Conduct {
  /** Counts against a peer. @returns its points, and whether it is shut out by this one */
  blame(peer: string): { readonly points: number; readonly shutOut: boolean }
  isShutOut(peer: string): boolean
}

interface Sheet {
  readonly points: number
  /** From here on they fade. */
  readonly atMs: number
  readonly bannedUntilMs: number
}

/**
 * Points fade one by one, so that a fault now and then over weeks shuts nobody out: only a series does. Sheets that are
 * blank again are forgotten, so that peers who come and go do not add up.
 */
export function createConduct(clock: Clock): Conduct {
  const sheets = new Map<string, Sheet>()

  /** What is left of a sheet now. What has passed of the next point's time is not lost. */
  const faded = (sheet: Sheet): Sheet => {
    const forgiven = Math.floor((clock.nowMs() - sheet.atMs) / memberLimits.forgivePointMs)
    return sheet.points <= forgiven
      ? { ...sheet, points: 0, atMs: clock.nowMs() }
      : {
          ...sheet,
          points: sheet.points - forgiven,
          atMs: sheet.atMs + forgiven * memberLimits.forgivePointMs,
        }
  }
  const isBlank = (sheet: Sheet): boolean => sheet.bannedUntilMs <= clock.nowMs() && faded(sheet).points === 0

  return {
    blame(peer) {
      for (const [name, sheet] of sheets) if (isBlank(sheet)) sheets.delete(name)
      const sheet = faded(sheets.get(peer) ?? { points: 0, atMs: clock.nowMs(), bannedUntilMs: 0 })
      const points = sheet.points + 1
      const shutOut = points >= memberLimits.maxMisbehaviour
      sheets.set(
        peer,
        shutOut
          ? { points: 0, atMs: clock.nowMs(), bannedUntilMs: clock.nowMs() + memberLimits.banMs }
          : { ...sheet, points },
      )
      return { points, shutOut }
    },
    isShutOut: (peer) => (sheets.get(peer)?.bannedUntilMs ?? 0) > clock.nowMs(),
  }
}
