/** Why a model, a file or a request about one was refused. The codes are those of `ShoalError` in `@shoal/host`. */
export type ModelErrorCode =
  | 'bad-request'
  | 'bad-model'
  | 'unsupported-model'
  | 'hash-mismatch'
  | 'not-found'
  | 'limit-exceeded'
  | 'disk-full'

/** A fault of a model, a file or a request, never a bug of this software. It is always definite: nothing was changed. */
export class ModelError extends Error {
  readonly code: ModelErrorCode
  readonly definite = true

  constructor(code: ModelErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ModelError'
    this.code = code
  }
}
