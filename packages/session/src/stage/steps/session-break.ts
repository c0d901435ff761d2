import { messageOf, ShoalError, type ErrorCode } from '@shoal/host'

/** Why the KV cache of a session can no longer be trusted: the answer to every later step. */
export interface Break {
  readonly code: ErrorCode
  readonly message: string
}

/** An error without a code comes from the runner, and becomes `compute-failed`: another peer would fail with the same rows. */
export function breakOf(error: unknown): Break {
  return { code: error instanceof ShoalError ? error.code : 'compute-failed', message: messageOf(error) }
}
