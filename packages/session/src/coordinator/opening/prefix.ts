import type { ActiveRoute, Installed } from '../active-route.ts'
import type { PendingSteps } from '../steps/pending-steps.ts'
import type { RouteSessionOptions } from '../route-session-options.ts'
import { prefixSteps } from '../../route/prefix-steps.ts'

/** Puts the rows of a prefix into the journal, as if they had been sent. */
export function appendPrefix(route: ActiveRoute, { prefix, hiddenSize }: RouteSessionOptions): void {
  if (prefix === undefined) return
  for (const { position, rows } of prefixSteps(prefix.rows.length / hiddenSize))
    route.append(prefix.rows.subarray(position * hiddenSize, (position + rows) * hiddenSize), 'none')
}

/** The session begins with the rows of the prefix that all stages have, and each stage is told their number. */
export function beginWithPrefix(
  { session, prefix }: RouteSessionOptions,
  route: ActiveRoute,
  { keptRows }: Installed,
): void {
  if (prefix === undefined) return
  const common = Math.min(...keptRows)
  route.rewind(common)
  for (const { stage, link } of route.stages) {
    const { start } = stage.range
    const rows = { length: common, from: common, settled: common }
    link.outbox.post({ type: 'replay', session, start, epoch: route.epoch!, ...rows })
  }
}

/** Rows that every stage has for certain, and that were not computed in two numeric classes. */
export function rowsToKeep(route: ActiveRoute, pending: PendingSteps): number {
  if (route.continuity === 'continued') return 0
  return Math.min(route.sent.length, pending.firstPosition ?? route.sent.length)
}
