import type { Clock } from '@shoal/host'
import type { Self } from '../own/self.ts'
import type { Statement } from './statement.ts'

export interface OathDependencies {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly self: Self
  /** Keeps a statement of this peer, and tells all others. */
  readonly onSworn: (statement: Statement) => void
}

/** This peer's own statements that its life goes on: at its beginning, and in answer to alerts, of which it answers all of a turn at once. */
export class Oath {
  readonly #parts: OathDependencies
  readonly #turnIntervalMs: number
  #sworeMs = Number.NEGATIVE_INFINITY
  #owesAnswer = false

  constructor(dependencies: OathDependencies, turnIntervalMs: number) {
    this.#parts = dependencies
    this.#turnIntervalMs = turnIntervalMs
  }

  async swear(): Promise<void> {
    const { clock, self, onSworn } = this.#parts
    this.#sworeMs = clock.nowMs()
    this.#owesAnswer = false
    const statement = await self.swear()
    if (statement !== undefined) onSworn(statement)
  }

  /** Answers an alert, in the next turn when it has just answered one. */
  async answer(): Promise<void> {
    if (this.#parts.clock.nowMs() - this.#sworeMs < this.#turnIntervalMs) this.#owesAnswer = true
    else await this.swear()
  }

  async turn(): Promise<void> {
    if (this.#owesAnswer) await this.swear()
  }
}
