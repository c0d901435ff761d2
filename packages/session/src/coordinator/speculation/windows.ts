import type { Clock } from '@shoal/host'
import type { EmbeddingTable } from '@shoal/runtime'
import type { HiddenSession } from '../../route/types.ts'
import { Acceptance } from './acceptance.ts'
import { timesInCrowd, type Crowd } from './crowd-times.ts'
import type { Drafter } from './drafters/drafter.ts'
import { StepTimes } from './step-times.ts'
import { plainPlan, planWindows, type WindowPlan } from './window-plan.ts'

/** Rows under way as one step: of the last token that was drawn, or of drafted ones only. */
export interface Window {
  readonly position: number
  readonly tokenIds: readonly number[]
  /** Kind of the drafts among them. */
  readonly kind: number
  readonly alone: boolean
  readonly sentMs: number
  /** float32 `[rows, hiddenSize]` */
  readonly answered: Promise<Float32Array>
}

export interface WindowsOptions {
  readonly session: HiddenSession
  readonly embedding: EmbeddingTable
  readonly drafter: Drafter
  readonly clock: Clock
  /** Rows are sent for positions before this one only. */
  readonly endPosition: number
  readonly signal?: AbortSignal | undefined
  /** Answers of this coordinator under way, this one included; one when absent. */
  readonly answers?: (() => number) | undefined
}

/** Windows of drafted rows along the route, oldest first. Decides how many there are, and measures what they gain. */
export class Windows {
  readonly #options: WindowsOptions
  readonly #times = new StepTimes()
  readonly #acceptance = new Acceptance()
  #underWay: Window[] = []
  #answeredMs = 0
  /** Longest window that has been answered: longer ones are tried step by step. */
  #rowsReached = 2
  #drafted = 0
  #prepared: Promise<void> | null = null
  #drafterFailed = false

  constructor(options: WindowsOptions) {
    this.#options = options
  }

  /** Drafted tokens that were sent. */
  get drafted(): number {
    return this.#drafted
  }

  /** The token that was drafted for the position behind the rows answered so far. */
  get expected(): { readonly tokenId: number; readonly kind: number } | null {
    const next = this.#underWay[0]
    return next === undefined ? null : { tokenId: next.tokenIds[0]!, kind: next.kind }
  }

  /** A token was drawn: the drafter knows it, and a draft of it was right or wrong. */
  drawn(tokenId: number, expected: { readonly tokenId: number; readonly kind: number } | null): void {
    if (expected !== null) this.#acceptance.tested(expected.kind, expected.tokenId === tokenId)
    this.#acceptance.age()
    this.#options.drafter.append(tokenId)
  }

  /** The head has computed the logits of `rows` rows. */
  headComputed(rows: number, durationMs: number): void {
    this.#times.headComputed(rows, durationMs)
  }

  /** Drops the windows under way, since a token before them differs. The next step rewinds the route to its position. */
  discard(): void {
    this.#underWay = []
  }

  /** Sends as many windows of drafts after the text as the plan says. @param lastToken the last token of the text @param length of the text */
  async fill(lastToken: number, length: number): Promise<void> {
    const { drafter, endPosition } = this.#options
    for (;;) {
      const last = this.#underWay.at(-1)
      const position = last === undefined ? length - 1 : last.position + last.tokenIds.length
      const first = this.#underWay[0]?.position ?? position
      // The first of these tokens is the last one of the text.
      const ahead = this.#underWay.flatMap((window) => window.tokenIds).slice(length - first)
      const certain = last === undefined ? [lastToken] : []
      const { kind } = drafter
      const plan = this.#plan(kind)
      const room = Math.min(plan.rows, endPosition - position)
      if (this.#underWay.length >= plan.windows || room <= 0) return
      const tokenIds = await this.#draft(ahead, room - certain.length)
      if (certain.length + tokenIds.length === 0) return
      this.#drafted += tokenIds.length
      await this.#send(position, [...certain, ...tokenIds], kind)
    }
  }

  /** The oldest window, once it has been answered; null when none is under way. */
  async next(): Promise<{ readonly window: Window; readonly hidden: Float32Array } | null> {
    const window = this.#underWay.shift()
    if (window === undefined) return null
    const hidden = await window.answered
    return { window, hidden }
  }

  /** After a drafter has failed, nothing more is drafted: the answer does not need drafts. */
  async #draft(ahead: readonly number[], count: number): Promise<readonly number[]> {
    const { drafter, clock } = this.#options
    if (count === 0 || this.#drafterFailed) return []
    try {
      this.#prepared ??= drafter.prepare?.() ?? Promise.resolve()
      await this.#prepared
      const startMs = clock.nowMs()
      const tokenIds = await drafter.draft(ahead, count)
      if (tokenIds.length > 0) this.#times.drafted(tokenIds.length, clock.nowMs() - startMs)
      return tokenIds
    } catch {
      this.#drafterFailed = true
      return []
    }
  }

  #plan(kind: number): WindowPlan {
    if (!this.#times.known || this.#options.session.rowInvariant === false) return plainPlan
    const times = timesInCrowd(this.#times, this.#crowd())
    return planWindows(times, this.#acceptance.of(kind), this.#rowsReached * 2)
  }

  #crowd(): Crowd {
    const { session, answers = () => 1 } = this.#options
    return { answers: answers(), stagesMs: session.stageTimesMs?.() ?? [] }
  }

  async #send(position: number, tokenIds: readonly number[], kind: number): Promise<void> {
    const { session, embedding, clock, signal } = this.#options
    const rows = await embedding.lookup(tokenIds)
    const alone = this.#underWay.length === 0
    const sentMs = clock.nowMs()
    const answered = session.forward(rows, {
      want: 'all',
      position,
      ...(signal === undefined ? {} : { signal }),
    })
    const window = { position, tokenIds, kind, alone, sentMs, answered }
    this.#underWay.push(window)
    // A failure is thrown when the window's turn comes; a discarded window's is of no interest.
    answered.then(
      () => this.#measure(window),
      () => undefined,
    )
  }

  #measure({ tokenIds, alone, sentMs }: Window): void {
    const nowMs = this.#options.clock.nowMs()
    const rows = tokenIds.length
    this.#rowsReached = Math.max(this.#rowsReached, rows)
    if (alone) this.#times.answered(rows, nowMs - sentMs)
    else if (this.#answeredMs >= sentMs) this.#times.followed(rows, nowMs - this.#answeredMs)
    this.#answeredMs = nowMs
  }
}
