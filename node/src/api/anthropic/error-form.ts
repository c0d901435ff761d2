import type { ErrorObject, ErrorResponse } from '@anthropic-ai/sdk/resources/shared'
import type { ApiError } from '../errors.ts'

const types: Readonly<Record<number, ErrorObject['type']>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

/** An error as Anthropic's clients expect it. */
export function anthropicError({ status, message }: ApiError): ErrorResponse {
  const type = types[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  return { type: 'error', error: { type, message }, request_id: null }
}
