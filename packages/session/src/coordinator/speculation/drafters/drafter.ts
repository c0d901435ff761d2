/** Kinds of drafts that acceptance is measured for. */
export const draftKinds = 5

/** Proposes tokens. A proposal costs time when it is wrong, and never changes the text. */
export interface Drafter {
  /** The text goes on with this token: of the prompt first, then every token that was drawn. */
  append(tokenId: number): void
  /** Called once after the prompt. Does the work that grows with the prompt, so that no later draft waits for it. */
  prepare?(): Promise<void>
  /**
   * Kind of the next drafts, from 0 to `draftKinds - 1`: drafts of one kind are accepted about equally often. Kinds 0 to 3
   * are those of `SuffixDrafter`, of which 3 is right most often; kind 4 is that of a draft model.
   */
  readonly kind: number
  /**
   * Tokens that may come next.
   * @param ahead tokens that this drafter has proposed after the text and that are not drawn yet
   * @param count most tokens; fewer, or none, when nothing suggests more
   */
  draft(ahead: readonly number[], count: number): readonly number[] | Promise<readonly number[]>
}
