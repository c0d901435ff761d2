import { draftKinds } from './drafters/drafter.ts'

/** Acceptance that is assumed for each kind before anything was measured. */
const assumed = [0.4, 0.5, 0.7, 0.9, 0.6]
/** The assumption weighs as much as this many measured drafts. */
const assumedDrafts = 2
/** Tokens after which a measurement has half of its weight, so that a kind that was switched off is tried again. */
const halfLifeTokens = 64
const kept = 0.5 ** (1 / halfLifeTokens)
/** With an acceptance of 1, the expected length of a run of right drafts would be infinite. */
const acceptanceMax = 0.99

/** How often drafts of each kind are right, with the last ones counting most. */
export class Acceptance {
  readonly #right = new Array<number>(draftKinds).fill(0)
  readonly #tested = new Array<number>(draftKinds).fill(0)

  /** A drafted token was compared with the token that was drawn. */
  tested(kind: number, right: boolean): void {
    this.#tested[kind]! += 1
    if (right) this.#right[kind]! += 1
  }

  /** A token was drawn: all measurements lose a part of their weight. */
  age(): void {
    for (let kind = 0; kind < draftKinds; kind += 1) {
      this.#right[kind]! *= kept
      this.#tested[kind]! *= kept
    }
  }

  of(kind: number): number {
    const right = this.#right[kind]! + assumed[kind]! * assumedDrafts
    return Math.min(acceptanceMax, right / (this.#tested[kind]! + assumedDrafts))
  }
}
