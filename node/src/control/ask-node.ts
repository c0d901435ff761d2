import { readFileSync } from 'node:fs'
import { isErrorCode, messageOf, ShoalError } from '@shoal/host'
import { UsageError } from '../cli/usage-error.ts'
import { controlPathOf, isControlAddress, type ControlAddress } from './protocol.ts'

/**
 * Asks the node that runs on a data directory.
 * @throws {UsageError} when none runs there
 * @throws {ShoalError} what the node answers
 */
export async function askNode(
  dataFolder: string,
  request: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { port, token } = addressIn(dataFolder)
  let response: Response
  try {
    response = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(request),
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw new ShoalError('peer-vanished', `the node of ${dataFolder} does not answer: ${messageOf(error)}`, {
      cause: error,
    })
  }
  const value = (await response.json()) as Record<string, unknown>
  if (response.ok) return value
  throw errorIn(value['error'])
}

function addressIn(dataFolder: string): ControlAddress {
  let value: unknown = null
  try {
    value = JSON.parse(readFileSync(controlPathOf(dataFolder), 'utf8'))
  } catch {
    // An absent or truncated file means that no node runs.
  }
  if (isControlAddress(value)) return value
  throw new UsageError(
    'no node runs on this data directory: start one with shoal up, or give the --data DIR of a node that runs',
  )
}

function errorIn(value: unknown): ShoalError {
  const { code, message } = value as { readonly code?: unknown; readonly message?: unknown }
  return new ShoalError(
    typeof code === 'string' && isErrorCode(code) ? code : 'internal',
    typeof message === 'string' ? message : 'the node gave no reason',
  )
}
