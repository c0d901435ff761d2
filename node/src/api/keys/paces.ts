import type { Clock } from '@shoal/host'
import { ApiError } from '../errors.ts'
import type { ApiKey } from './api-key.ts'

/** How much the holder of each key has asked for lately. */
export interface KeyPaces {
  /** Counts a request. @param key its index; null where no key is asked for @throws {ApiError} 429 with Retry-After */
  request(key: number | null): void
  /** Counts tokens of a prompt or an answer. An answer that has begun is never cut: what is too much delays the next. */
  spend(key: number | null, tokens: number): void
}

const minuteMs = 60_000

/** An allowance that fills up steadily: a minute's worth at once, and as much per minute on average. */
interface Bucket {
  /** Milliseconds until something may be taken. */
  waitMs(least: number): number
  take(amount: number): void
}

function createBucket(perMinute: number, clock: Pick<Clock, 'nowMs'>): Bucket {
  let level = perMinute
  let atMs = clock.nowMs()
  const fill = (): void => {
    const nowMs = clock.nowMs()
    level = Math.min(perMinute, level + ((nowMs - atMs) / minuteMs) * perMinute)
    atMs = nowMs
  }
  return {
    waitMs(least) {
      fill()
      return Math.max(0, ((least - level) / perMinute) * minuteMs)
    },
    take(amount) {
      fill()
      level -= amount
    },
  }
}

export function createKeyPaces(keys: readonly ApiKey[], clock: Pick<Clock, 'nowMs'>): KeyPaces {
  const bucketOf = (perMinute: number | undefined): Bucket | null =>
    perMinute === undefined ? null : createBucket(perMinute, clock)
  const buckets = keys.map((key) => ({
    requests: bucketOf(key.requestsPerMinute),
    tokens: bucketOf(key.tokensPerMinute),
  }))
  return {
    request(index) {
      const bucket = index === null ? undefined : buckets[index]
      const key = index === null ? undefined : keys[index]
      if (bucket === undefined || key === undefined) return
      check(bucket.requests, key, key.requestsPerMinute, 'requests')
      check(bucket.tokens, key, key.tokensPerMinute, 'tokens')
      bucket.requests?.take(1)
    },
    spend(index, tokens) {
      if (index !== null) buckets[index]?.tokens?.take(tokens)
    },
  }
}

function check(bucket: Bucket | null, { name }: ApiKey, most: number | undefined, what: string): void {
  const waitMs = bucket?.waitMs(1) ?? 0
  // What computing leaves of a millisecond is no time to wait.
  if (waitMs < 1e-3) return
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  const whose = name === undefined ? 'this API key' : `the API key '${name}'`
  throw new ApiError(429, `${whose} may use ${most} ${what} a minute; try again in ${seconds} s`, {
    code: `too_many_${what}_of_key`,
    headers: { 'retry-after': String(seconds) },
  })
}
