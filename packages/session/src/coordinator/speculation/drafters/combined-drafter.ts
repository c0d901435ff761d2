import type { Drafter } from './drafter.ts'
import type { SuffixDrafter } from './suffix-drafter.ts'

/** Kinds of the suffix drafter from which it is right more often than a small model: four tokens agree at least. */
const trustedKind = 2

/** Follows an earlier place in the text where enough tokens agree with it, and asks a model elsewhere. */
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
