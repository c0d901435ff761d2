import { messageOf, ShoalError, type ErrorCode } from '@shoal/host'

/** Why the KV cache of a session can no longer be trusted: the answer to every later step. */
export interface Break {
  readonly code: ErrorCode
  readonly message: string
}

/** An error without a code is the runner's: `compute-failed` says that another peer may do better. */
export function breakOf(error: unknown): Break {
  return { code: error instanceof ShoalError ? error.code : 'compute-failed', message: messageOf(error) }
}
