import { failureCodes, type ErrorCode } from './failure-codes.ts'

/**
 * An error that another party may see: a peer, an HTTP client, a shell.
 *
 * `definite` says whether the failed operation certainly did not happen (safe to retry elsewhere) or may have happened
 * (Maelstrom's distinction, `resources/errors.edn`). Our own bugs are plain `Error`s and crash.
 */
export class ShoalError extends Error {
  readonly code: ErrorCode
  readonly definite: boolean

  constructor(code: ErrorCode, message: string, options: { definite?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ShoalError'
    this.code = code
    this.definite = options.definite ?? failureCodes[code].definite
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The error itself, or an `internal` one with its message for whatever else was thrown. */
export function asShoalError(error: unknown): ShoalError {
  return error instanceof ShoalError ? error : new ShoalError('internal', messageOf(error), { cause: error })
}

/** What of an error travels to another peer. */
export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly definite: boolean
}

/** Of whatever was thrown: our own bugs become `internal`, which is indefinite. */
export function asFailure(error: unknown): Failure {
  const { code, message, definite } = asShoalError(error)
  return { code, message, definite }
}
