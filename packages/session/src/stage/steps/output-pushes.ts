import { ShoalError } from '@shoal/host'
import type { OutputJournal } from '../../route/journal.ts'
import { replayChunks } from '../../route/replay-rules.ts'
import type { RouteVersion } from './route-version.ts'
import type { Pushed, SessionOutput } from './session-output.ts'

/** How rows leave a stage. */
export type PushOutput = Pick<SessionOutput, 'push' | 'cannotPush'>

/** Sends the outputs of one session to the next hop, one after the other, along the version of the route in use. */
export class OutputPushes {
  readonly #journal: OutputJournal
  readonly #output: PushOutput
  #version: RouteVersion
  #last: Promise<void> = Promise.resolve()
  /** First row that the next hop lacks. The rows before it came along an older version of the route. */
  #from = 0

  constructor(journal: OutputJournal, output: PushOutput, version: RouteVersion) {
    this.#journal = journal
    this.#output = output
    this.#version = version
  }

  /** Resolves when every push so far has ended, or the version of the route has. */
  settled(): Promise<void> {
    return Promise.race([this.#last, this.#version.over])
  }

  /**
   * Follows another version of the route. Pushes that wait are dropped when the former version ends: the replay brings
   * their rows, and the next hop would take them for rows too many.
   */
  follow(version: RouteVersion): void {
    this.#version = version
    // A push to a peer that hangs must not hold up those to the peer that replaces it.
    this.#last = Promise.resolve()
  }

  /**
   * Sends the rows of a step that was just computed, without those that the next hop has. The next hop may have rows that
   * this step rewinds, even where none of them were computed here: they came along an older version of the route.
   */
  pushNew(frame: Pushed): void {
    if (frame.rewind) this.#from = Math.min(this.#from, frame.position)
    const end = frame.position + frame.rows
    if (end <= this.#from) return
    const position = Math.max(frame.position, this.#from)
    this.push({ ...frame, position, rows: end - position })
  }

  /** Sends rows that the journal has. */
  push(frame: Pushed): void {
    const version = this.#version
    this.#last = this.#last.then(async () => {
      if (version.ended) return
      try {
        await this.#output.push(version, frame, () => {
          if (version.ended) throw new ShoalError('stale-epoch', 'the route was replaced')
          return this.#journal.views(frame.position, frame.position + frame.rows)
        })
      } catch (error) {
        if (!version.ended) this.#output.cannotPush(version, frame.step, error)
      }
    })
  }

  /**
   * Sends the journal again to a next hop that has the rows before `from`.
   * @param settled steps whose rows lie before this position have been answered, so nothing of them is wanted back
   */
  replay(from: number, settled: number): void {
    this.#from = from
    for (const chunk of replayChunks(this.#journal.steps, from, settled))
      this.push({ ...chunk, rewind: false })
  }
}
