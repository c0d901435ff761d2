import type { Budget } from '../budget.ts'

/** Text that grows piece by piece. */
export class Output {
  readonly #budget: Budget
  readonly #pieces: string[] = []

  constructor(budget: Budget) {
    this.#budget = budget
  }

  write(text: string): void {
    this.#budget.characters(text.length)
    this.#pieces.push(text)
  }

  get text(): string {
    return this.#pieces.join('')
  }
}
