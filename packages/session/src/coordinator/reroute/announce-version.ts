import { replayChunks } from '../../route/replay-rules.ts'
import type { JournalStep } from '../../route/journal.ts'
import type { ActiveRoute, Installed } from '../active-route.ts'
import { closeAtStage } from '../stage-links.ts'

/**
 * Tells all stages of a version that has just been installed which of their rows are valid and which rows the next hop
 * lacks, and closes the session at stages that are not on the route any more.
 * @param settled the coordinator waits for no answer below this position
 * @returns what the coordinator itself has to send to the first stage again
 */
export function announceVersion(
  session: string,
  route: ActiveRoute,
  { kept, dropped, keptRows }: Installed,
  settled: number,
): JournalStep[] {
  for (const { link } of kept) link.release()
  for (const { link, stage } of dropped) closeAtStage(link, session, stage.range.start)
  for (const [index, { stage, link }] of route.stages.entries()) {
    link.outbox.post({
      type: 'replay',
      session,
      start: stage.range.start,
      epoch: route.epoch!,
      length: keptRows[index]!,
      from: keptRows[index + 1] ?? settled,
      settled,
    })
  }
  return replayChunks(route.sent.steps, keptRows[0]!, settled)
}
