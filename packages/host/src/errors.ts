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
    this.definite = options.definite ?? errorCodes[code]
  }
}

/** Every code, and whether it is definite unless said otherwise. `docs/protocol.md` lists them with their meaning. */
export const errorCodes = {
  'bad-request': true,
  'bad-model': true,
  'unsupported-model': true,
  'bad-frame': true,
  'limit-exceeded': true,
  'wrong-version': true,
  'wrong-manifest': true,
  'wrong-profile': true,
  'wrong-range': true,
  'wrong-position': true,
  'stale-epoch': true,
  'unknown-session': true,
  'no-capacity': true,
  'no-route': true,
  'hash-mismatch': true,
  'not-found': true,
  'compute-failed': true,
  'not-ready': true,
  'peer-vanished': false,
  'deadline-passed': false,
  cancelled: false,
  'disk-full': true,
  'in-use': true,
  internal: false,
} as const satisfies Record<string, boolean>

export type ErrorCode = keyof typeof errorCodes

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The error itself, or an `internal` one with its message for whatever else was thrown. */
export function asShoalError(error: unknown): ShoalError {
  return error instanceof ShoalError ? error : new ShoalError('internal', messageOf(error), { cause: error })
}
