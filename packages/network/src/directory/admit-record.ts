import { ShoalError } from '@shoal/host'
import type { RecordRules } from './directory.ts'
import { limits } from '../limits.ts'
import { equalBytes } from './held-records.ts'
import type { Shelf } from './shelf.ts'
import type { Transport } from '../transport.ts'

/**
 * Checks a record before it is held, passed on or returned, and remembers it when it is the newest.
 * @throws {ShoalError} `limit-exceeded`, `bad-frame`, or what the rules say
 */
export async function admitRecord(
  shelf: Shelf,
  rules: RecordRules,
  verify: Transport['verify'],
  owner: string,
  record: Uint8Array,
): Promise<void> {
  // Known bytes cost no signature check.
  if (equalBytes(shelf.record(owner), record)) return
  if (record.length > limits.directoryRecordBytes)
    throw new ShoalError(
      'limit-exceeded',
      `a record of ${record.length} bytes is over the limit of ${limits.directoryRecordBytes}`,
    )
  const order = await rules.order(owner, record, verify)
  if (shelf.admit(owner, order, record) === 'stale')
    throw new ShoalError('bad-frame', `a record of ${owner} is not newer than the known one, or has expired`)
}
