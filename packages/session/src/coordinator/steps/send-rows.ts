import { messageOf, ShoalError } from '@shoal/host'
import { encodeRows, encodeSession } from '@shoal/protocol'
import type { JournalStep } from '../../route/journal.ts'
import type { ActiveRoute } from '../active-route.ts'
import { lossOf } from '../opening/accusations.ts'

/**
 * Sends the rows of one step from the journal to the first stage. The frame enters the channel's queue before the first
 * `await`, so that steps keep their order. Rows of a route version that is no longer in use are dropped, since the
 * replay of the next version sends them; so are rows that a rewind discarded before they left.
 * @throws {StageError} when the channel to the first stage has ended and its version of the route still is in use
 */
export async function sendRows(
  route: ActiveRoute,
  session: string,
  { step, position, rows, want }: JournalStep,
  rewind: boolean,
): Promise<void> {
  const { epoch } = route
  const [first] = route.stages
  if (epoch === null || first === undefined) throw new Error('a step was sent without a route')
  const { stage, link } = first
  const { start } = stage.range
  const head = encodeSession({ type: 'step', session, start, epoch, position, rows, step, rewind, want })
  const discarded = (): boolean => route.sent.steps.findLast((sent) => sent.step <= step)?.step !== step
  try {
    await link.outbox.send(() => {
      if (route.epoch !== epoch) throw new ShoalError('stale-epoch', 'the route was replaced')
      if (discarded()) throw new ShoalError('cancelled', 'a rewind discarded the rows')
      const { wire, hiddenSize } = route
      const views = route.sent.views(position, position + rows)
      return [...head, ...views.map((view) => encodeRows(wire, view, hiddenSize))]
    })
  } catch (error) {
    if (route.epoch === epoch && !discarded())
      throw lossOf(stage, error instanceof Error ? error : new Error(messageOf(error)))
  }
}
