import { failureCodes, type ErrorCode } from './failure-codes.ts'
import { printableLines } from './printable.ts'

/**
 * An error that another party may see: a peer, an HTTP client, a shell.
 *
 * `definite` says whether the failed operation certainly did not happen (safe to retry elsewhere) or may have happened
 * (Maelstrom's distinction, `resources/errors.edn`). Bugs of this program are plain `Error`s.
 *
 * The message may hold words of a peer, a model or a caller, and ends up on terminals, in logs and in answers: control
 * characters in it become visible escapes.
 */
export class ShoalError extends Error {
  readonly code: ErrorCode
  readonly definite: boolean

  constructor(code: ErrorCode, message: string, options: { definite?: boolean; cause?: unknown } = {}) {
    super(printableLines(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ShoalError'
    this.code = code
    this.definite = options.definite ?? failureCodes[code].definite
  }
}

/** The message of a thrown value, which may be of any type. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The error itself; any other thrown value becomes an `internal` error with its message. */
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
