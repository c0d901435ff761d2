/** Kinds of drafts that acceptance is measured for. */
export const draftKinds = 5

/** Proposes tokens. A proposal costs time when it is wrong, and never changes the text. */
export interface Drafter {
  /** The text goes on with this token: of the prompt first, then every token that was drawn. */
  append(tokenId: number): void
  /** Called once, behind the prompt: what takes long for a long prompt, so that no later draft waits for it. */
  prepare?(): Promise<void>
  /**
   * What speaks for the next drafts, from 0 to `draftKinds - 1`: drafts of one kind are accepted about equally often. Kinds 0
   * to 3 are those of `SuffixDrafter`, the last one the most often right; kind 4 is a draft model's.
   */
  readonly kind: number
  /**
   * Tokens that may come next.
   * @param ahead this drafter's earlier proposals behind the text, whose tokens are not drawn yet
   * @param count most tokens; fewer, or none, when nothing suggests more
   */
  draft(ahead: readonly number[], count: number): readonly number[] | Promise<readonly number[]>
}
