import type { Drafter } from './drafter.ts'
import type { SuffixDrafter } from './suffix-drafter.ts'

/** First kind of the suffix drafter, with at least four equal tokens, whose drafts are right more often than a small model's. */
const trustedKind = 2

/** Takes the drafts of the suffix drafter where enough tokens are equal, and those of a model elsewhere. */
export class CombinedDrafter implements Drafter {
  readonly #suffix: SuffixDrafter
  readonly #model: Drafter

  constructor(suffix: SuffixDrafter, model: Drafter) {
    this.#suffix = suffix
    this.#model = model
  }

  append(tokenId: number): void {
    this.#suffix.append(tokenId)
    this.#model.append(tokenId)
  }

  async prepare(): Promise<void> {
    await this.#model.prepare?.()
  }

  get kind(): number {
    return this.#chosen.kind
  }

  draft(ahead: readonly number[], count: number): readonly number[] | Promise<readonly number[]> {
    return this.#chosen.draft(ahead, count)
  }

  get #chosen(): Drafter {
    return this.#suffix.kind >= trustedKind ? this.#suffix : this.#model
  }
}
