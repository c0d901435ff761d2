/** A request failed in a way that may not repeat: the hub is busy, or the connection broke. */
export class TransientError extends Error {
  readonly code: 'not-ready' | 'peer-vanished'
  /** HTTP status of a hub that answered; null when there was no answer. */
  readonly status: number | null
  /** Milliseconds that the hub asks clients to wait (`Retry-After`); null when it does not say. */
  readonly retryAfterMs: number | null

  constructor(
    code: 'not-ready' | 'peer-vanished',
    message: string,
    details: {
      readonly status?: number
      readonly retryAfterMs?: number | null
      readonly cause?: unknown
    } = {},
  ) {
    super(message, { cause: details.cause })
    this.code = code
    this.status = details.status ?? null
    this.retryAfterMs = details.retryAfterMs ?? null
  }
}
