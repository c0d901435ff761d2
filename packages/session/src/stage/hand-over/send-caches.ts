import { asFailure, messageOf, onAbort, ShoalError, throwIfAborted } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { encodeSession, encodeSteps, type HandOver, type Successor } from '@shoal/protocol'
import { createChecksum, type Checksum } from './checksum.ts'
import { chunkRows, nearlyDone } from './rules.ts'
import { bytesOf } from '../../route/hidden-states.ts'
import { sessionLimits } from '../../route/limits.ts'
import type { ChannelUse, PeerChannels } from '../../channels/peer-channels.ts'
import type { Slots } from './transfer-slots.ts'
import type { Stage } from '../stage-table.ts'

/** A session on its way from here to other peers; it is served until `letGo`. */
export interface StageHandOver {
  /** Computes no more, sends the rest. Resolves when it has left, or cannot. @param epoch of the route without this stage */
  letGo(epoch: number): Promise<void>
  /** The session stays here after all, or is freed. */
  stop(): void
  readonly to: readonly Successor[]
  /** Whether everything is with its successors, or on its way. */
  readonly left: boolean
}

export interface StageHandOverContext {
  readonly hops: PeerChannels
  readonly slots: Slots
}

interface Recipient extends Successor {
  readonly checksum: Checksum
  link: ChannelUse | null
  /** Positions it has that are right. */
  sent: number
  /** Rows of the next frame. */
  rows: number
}

/** Sends what a session has, while it goes on; tells the coordinator when little is left. */
export function startHandOver(
  { hops, slots }: StageHandOverContext,
  stage: Stage,
  message: HandOver,
): StageHandOver {
  const { session, runner } = stage
  const { journal } = session
  const stopping = new AbortController()
  const signal = AbortSignal.any([stopping.signal, stage.freed.signal])
  const recipients = message.to.map((successor): Recipient => ({
    ...successor,
    checksum: createChecksum(),
    link: null,
    sent: 0,
    rows: sessionLimits.handOverFirstRows,
  }))
  let cuts = 0
  let left = false
  const endWatching = journal.watch((length) => {
    cuts += 1
    for (const recipient of recipients) recipient.sent = Math.min(recipient.sent, length)
  })

  const sendRows = async (recipient: Recipient, target: number): Promise<void> => {
    const { start, end, checksum } = recipient
    const last = end === stage.end
    while (recipient.sent < Math.min(target, journal.length)) {
      throwIfAborted(signal)
      const from = recipient.sent
      const withJournal = last && from >= journal.from
      const until = last && !withJournal ? Math.min(journal.from, journal.length) : journal.length
      const to = Math.min(target, until, from + recipient.rows)
      const outputs = withJournal ? journal.rows(from, to) : new Float32Array(0)
      const keyValues = await exported(from, to, { start, end })
      if (keyValues === null) continue
      recipient.sent = to
      recipient.rows = chunkRows((keyValues.byteLength + outputs.byteLength) / (to - from))
      checksum.add(keyValues)
      checksum.add(outputs)
      const head = encodeSession({
        type: 'key-values',
        session: stage.id,
        start,
        epoch: message.epoch,
        position: from,
        rows: to - from,
        journal: withJournal,
      })
      await recipient.link?.outbox.send(() => [...head, bytesOf(keyValues), bytesOf(outputs)])
    }
  }

  /** Null when a rewind came meanwhile: these may be positions of before it and of after it. */
  const exported = async (from: number, to: number, part: BlockRange): Promise<Float32Array | null> => {
    const cutsBefore = cuts
    try {
      const keyValues = await runner.exportKeyValues(session.key, { from, to, part })
      return cuts === cutsBefore ? keyValues : null
    } catch (error) {
      if (cuts === cutsBefore) throw error
      return null
    }
  }

  const sendAll = async (): Promise<void> => {
    const target = journal.length
    for (const recipient of recipients) await attempt(recipient, () => sendRows(recipient, target))
  }

  /** What fails is told as the successor's failure: with another one it may work. */
  const attempt = async (recipient: Recipient, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (!signal.aborted) {
        const { code, definite } = asFailure(error)
        const sentence = `the session cannot be handed over to ${recipient.peer}: ${messageOf(error)}`
        stage.owner.outbox.post({
          type: 'failed',
          session: stage.id,
          start: recipient.start,
          epoch: message.epoch,
          step: null,
          code,
          message: sentence,
          definite,
        })
      }
      stop()
      throw error
    }
  }

  const stop = (): void => {
    stopping.abort(new ShoalError('cancelled', 'the session is not handed over'))
    if (!stage.freed.signal.aborted) left = false
    endWatching()
    for (const recipient of recipients) recipient.link?.release()
  }

  const sendMost = async (): Promise<void> => {
    const giveBack = await slots.take(signal)
    try {
      for (const recipient of recipients) {
        await attempt(recipient, async () => {
          recipient.link = await hops.use(recipient.peer, recipient.addresses, signal)
        })
      }
      for (let before = 0, done = false; !done;) {
        await sendAll()
        const sent = Math.min(...recipients.map((recipient) => recipient.sent))
        done = nearlyDone(journal.length - sent, sent - before)
        before = sent
      }
      stage.owner.outbox.post({
        type: 'handed-over',
        session: stage.id,
        start: stage.start,
        epoch: message.epoch,
        length: journal.length,
      })
    } finally {
      giveBack()
    }
  }
  // A failure has been told where it happened, and `letGo` finds the signal aborted.
  const most = sendMost().catch(() => undefined)

  onAbort(stage.freed.signal, stop)

  return {
    to: message.to,
    stop,
    get left() {
      return left
    },
    async letGo(epoch) {
      await most
      // The route may have gone on without this meanwhile.
      if (signal.aborted || epoch <= session.epoch) return
      // Nothing is computed from here on, so that what leaves is what there is.
      await session.move(epoch, session.previous, session.next)
      const { length, lastStep } = session.progress
      await sendAll()
      // Once the last of them has the end, a `close` may come at any time.
      left = true
      for (const recipient of recipients) {
        const head = encodeSession({
          type: 'key-values-end',
          session: stage.id,
          start: recipient.start,
          epoch: message.epoch,
          length,
          lastStep,
          checksum: recipient.checksum.value,
        })
        const steps = recipient.end === stage.end ? [encodeSteps(journal.steps)] : []
        await attempt(recipient, async () => recipient.link?.outbox.send(() => [...head, ...steps]))
      }
    },
  }
}
