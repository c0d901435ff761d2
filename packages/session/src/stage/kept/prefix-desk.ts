import { messageOf, type Logger } from '@shoal/host'
import type { SessionPrefix } from '@shoal/protocol'
import { sessionLimits } from '../../route/limits.ts'
import type { Stage } from '../stage.ts'
import type { StageTable } from '../stage-table.ts'
import { bytesOfKept, exportBlocks, firstRows, type KeptRows } from './kept-rows.ts'
import type { KeptSessions } from './kept-sessions.ts'

export interface PrefixDeskContext {
  readonly table: Pick<StageTable, 'find'>
  readonly kept: KeptSessions
  readonly logger: Logger
  /** Whether sessions of this stage's span may still be opened. */
  readonly stays: (stage: Stage) => boolean
}

/** The two steps in which the rows of a session that is being closed are kept. */
export interface Closing {
  /** Keeps the session's rows. Resolves when they have been read, so that the session can be freed. */
  read(): Promise<void>
  /** To be called once, when the session is free. */
  end(): void
}

/** Keeps the rows of sessions that end, and begins later sessions with them. */
export class PrefixDesk {
  readonly #context: PrefixDeskContext
  /** Sessions whose rows are being read, by stage; a session that wants them waits. */
  readonly #reading = new Map<string, Promise<void>>()

  constructor(context: PrefixDeskContext) {
    this.#context = context
  }

  /**
   * A session is being closed. Sessions that want its rows wait from now on.
   * @param most positions that are known to be right: later ones may be those of a step that nobody waited for
   */
  closing(stage: Stage, most: number): Closing {
    const key = keyOf(stage.id, stage.start)
    const read = Promise.withResolvers<void>()
    this.#reading.set(key, read.promise)
    return {
      read: () => this.#keep(stage, most),
      end: () => {
        this.#reading.delete(key)
        read.resolve()
      },
    }
  }

  /** Drops kept rows until the memory that open sessions were promised is free. */
  giveWay(): void {
    this.#context.kept.giveWay()
  }

  /** Begins a session with the kept rows of an earlier one of the same coordinator. Where this is impossible, the session begins empty. */
  async begin(stage: Stage, prefix: SessionPrefix): Promise<void> {
    const { session, runner, id } = stage
    try {
      const rows = await this.#rowsFor(stage, prefix)
      if (rows === null || rows.length === 0 || stage.freed.aborted) return
      await session.beginWith(rows)
      stage.beganWith({ session: prefix.session, length: rows.length })
    } catch (error) {
      this.#context.logger.info('rows-not-taken-over', { session: id, reason: messageOf(error) })
      if (!stage.freed.aborted) await runner.truncate(session.key, 0)
    }
  }

  async #keep(stage: Stage, most: number): Promise<void> {
    const { kept, stays, logger } = this.#context
    const { session, runner, id, start, end, owner } = stage
    const length = Math.min(most, session.journal.length)
    if (length === 0 || !session.whole || stage.restore !== null || !stays(stage)) return
    try {
      const rows = await readFitting(stage, length, (bytes) => kept.makeRoom(bytes))
      if (rows === null || !stays(stage)) return
      this.#forgetEarlier(stage)
      kept.add({ session: id, start, end, peer: owner.peer, account: owner.account, runner, rows })
    } catch (error) {
      logger.info('rows-not-kept', { session: id, reason: messageOf(error) })
    }
  }

  /** Drops the rows of the session with which this one began: this one's rows include them, unless the earlier session had more. */
  #forgetEarlier({ began, start }: Stage): void {
    if (began === null) return
    const earlier = this.#context.kept.find(began.session, start)
    if (earlier !== undefined && earlier.rows.length <= began.length)
      this.#context.kept.forget(began.session, start)
  }

  async #rowsFor(stage: Stage, { session, length }: SessionPrefix): Promise<KeptRows | null> {
    const { table, kept } = this.#context
    const { start, end, runner, owner } = stage
    await this.#reading.get(keyOf(session, start))
    const fits = (other: { start: number; end: number; runner: unknown }): boolean =>
      other.start === start && other.end === end && other.runner === runner
    const most = Math.min(length, stage.session.tokenBudget)
    const closed = kept.find(session, start)
    if (closed !== undefined && closed.peer === owner.peer && fits(closed))
      return firstRows(closed.rows, most, runner.hiddenSize)
    const open = table.find(session, start)
    if (open === undefined || open === stage || !open.opened || open.owner.peer !== owner.peer || !fits(open))
      return null
    if (!open.session.whole || open.restore !== null) return null
    const common = Math.min(most, open.session.journal.length)
    return common === 0 ? null : readRows(open, common, (bytes) => kept.makeRoom(bytes))
  }
}

const keyOf = (session: string, start: number): string => `${session}/${start}`

/** The first `length` rows; where there is no room for so many, half as many, in whole blocks, and so on. */
async function readFitting(
  stage: Stage,
  length: number,
  room: (bytes: number) => boolean,
): Promise<KeptRows | null> {
  const { keptBlockRows } = sessionLimits
  for (let most = length; most > 0; most = Math.floor(most / 2 / keptBlockRows) * keptBlockRows) {
    const rows = await readRows(stage, most, room)
    if (rows !== null) return rows
  }
  return null
}

async function readRows(
  { session, runner, start, end }: Stage,
  length: number,
  room: (bytes: number) => boolean,
): Promise<KeptRows | null> {
  // Copied before the first wait: the session may be rewound, or freed.
  const outputs = session.journal.rows(0, length)
  const receipts = session.receiptChains(length)
  const ownBytes = bytesOfKept({ length, keyValues: [], outputs, receipts })
  const part = { start, end }
  const keyValues = await exportBlocks(runner, session.key, { length, part }, (bytes) =>
    room(bytes + ownBytes),
  )
  return keyValues === null ? null : { length, keyValues, outputs, receipts }
}
