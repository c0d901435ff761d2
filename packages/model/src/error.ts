/** Why a model, a file or a request about one was refused. The codes are those of `ShoalError` in `@shoal/host`. */
export type ModelErrorCode =
  | 'bad-request'
  | 'bad-model'
  | 'unsupported-model'
  | 'hash-mismatch'
  | 'not-found'
  | 'limit-exceeded'
  | 'disk-full'

/** Their bytes are wrong: never a bug of ours. Always definite (nothing happened). */
export class ModelError extends Error {
  readonly code: ModelErrorCode
  readonly definite = true

  constructor(code: ModelErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ModelError'
    this.code = code
  }
}
