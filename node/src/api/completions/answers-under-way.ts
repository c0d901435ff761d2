import type { Clock } from '@shoal/host'
import { apiLimits } from '../limits.ts'

/** One answer, or several that one request runs after another. */
export interface AnswerUnderWay {
  token(): void
  /** The answer has ended; calling it twice is safe. */
  end(): void
}

/** The answers that the API gives now, and when the first of them will end. */
export interface AnswersUnderWay {
  /** @param maxTokens of all choices together */
  begin(maxTokens: number): AnswerUnderWay
  /**
   * Whole seconds until the answer that is expected to end first does: its remaining tokens at the pace measured so far.
   * An answer may stop before it has all its tokens, so this is the latest time, bounded by `retryAfterSecondsMax`;
   * while no pace has been measured, the time that earlier answers took, and `retryAfterSeconds` before the first.
   */
  retryAfterSeconds(): number
}

/** Weight of the newest answer in the usual time: a handful of answers tells that requests have changed. */
const newestShare = 0.25

interface Account {
  readonly maxTokens: number
  readonly beganMs: number
  tokens: number
  /** The first token waits for the prompt, and perhaps for room: the pace is that of the tokens after it. */
  firstMs: number
  lastMs: number
}

export function createAnswersUnderWay(clock: Pick<Clock, 'nowMs'>): AnswersUnderWay {
  const accounts = new Set<Account>()
  let usualMs: number | null = null
  return {
    begin(maxTokens) {
      const account: Account = { maxTokens, beganMs: clock.nowMs(), tokens: 0, firstMs: 0, lastMs: 0 }
      accounts.add(account)
      return {
        token() {
          account.tokens += 1
          account.lastMs = clock.nowMs()
          if (account.tokens === 1) account.firstMs = account.lastMs
        },
        end() {
          // An answer without a token was refused or cancelled: its time says nothing of others.
          if (!accounts.delete(account) || account.tokens === 0) return
          const tookMs = clock.nowMs() - account.beganMs
          usualMs = usualMs === null ? tookMs : usualMs + (tookMs - usualMs) * newestShare
        },
      }
    },
    retryAfterSeconds() {
      const nowMs = clock.nowMs()
      const leftMs = [...accounts].flatMap(
        (account) => msLeft(account, nowMs) ?? (usualMs === null ? [] : usualMs - (nowMs - account.beganMs)),
      )
      if (leftMs.length === 0 && usualMs !== null) leftMs.push(usualMs)
      if (leftMs.length === 0) return apiLimits.retryAfterSeconds
      const seconds = Math.ceil(Math.min(...leftMs) / 1000)
      return Math.min(apiLimits.retryAfterSecondsMax, Math.max(1, seconds))
    },
  }
}

/** @returns null while there is no pace: it takes two tokens */
function msLeft({ maxTokens, tokens, firstMs, lastMs }: Account, nowMs: number): number | null {
  if (tokens < 2) return null
  const msPerToken = (lastMs - firstMs) / (tokens - 1)
  return Math.max(0, (maxTokens - tokens) * msPerToken - (nowMs - lastMs))
}
