import { ShoalError, sleep, type Clock, type Logger } from '@shoal/host'
import { TransientError } from './transient-error.ts'

export const retryLimits = {
  /** Attempts without progress. A busy hub recovers within seconds or not soon: the waits are 0.5, 1, 2 and 4 s. */
  attempts: 5,
  firstWaitMs: 500,
  /** A hub that asks for a longer wait (`Retry-After`) is not waited for: the user decides when to try again. */
  waitMsMax: 60_000,
} as const

export interface RetryOptions {
  /** What is fetched, for people: `org/name`. */
  readonly what: string
  /** Whether requests carry a token: hubs allow more requests to accounts than to strangers. */
  readonly withToken: boolean
  readonly signal: AbortSignal | undefined
  /** Bytes that have arrived so far. An attempt that brought some begins the count of attempts anew. */
  progress(): number
}

/**
 * Repeats `work` while it fails with a {@link TransientError}, waiting longer each time and logging each wait.
 * @throws {ShoalError} the transient error's code and the ways out, after the last attempt; the signal's reason
 */
export async function retrying<Value>(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  options: RetryOptions,
  work: () => Promise<Value>,
): Promise<Value> {
  const { what, withToken, signal } = options
  let before = options.progress()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      if (options.progress() > before) attempt = 1
      before = options.progress()
      const waitMs = waitBefore(attempt, error)
      if (waitMs === null)
        throw new ShoalError(error.code, givenUp(what, withToken, attempt, error), { cause: error })
      logger.warn('hub-retry', { what, reason: error.message, waitMs, attempt, of: retryLimits.attempts })
      await sleep(clock, waitMs, signal)
    }
  }
}

/** Milliseconds to wait after failed attempt number `attempt` (from 1); null when there should be no further one. Pure. */
export function waitBefore(attempt: number, { retryAfterMs }: TransientError): number | null {
  if (attempt >= retryLimits.attempts) return null
  const waitMs = Math.max(retryLimits.firstWaitMs * 2 ** (attempt - 1), retryAfterMs ?? 0)
  return waitMs > retryLimits.waitMsMax ? null : waitMs
}

function givenUp(what: string, withToken: boolean, attempts: number, error: TransientError): string {
  const asked = error.retryAfterMs ?? 0
  const waiting =
    asked > retryLimits.waitMsMax ? ` and asks clients to wait ${Math.ceil(asked / 1000)} s` : ''
  const ways = [
    'try again later (what has been packed is kept)',
    'set HF_ENDPOINT to a mirror that answers',
    ...(error.status === 429 && !withToken ? ['set HF_TOKEN, because accounts may ask more often'] : []),
    "or give the path of a folder with the model's files, which needs no hub",
  ]
  return `${what}: ${error.message}${waiting} (tried ${attempts === 1 ? 'once' : `${attempts} times`}); ${ways.join(', ')}`
}
