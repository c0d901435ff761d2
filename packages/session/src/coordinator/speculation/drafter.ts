/** Tokens that may come next, and how much speaks for them. */
export interface Draft {
  readonly tokenIds: readonly number[]
  /** Drafts of one kind are accepted about equally often: 0 to `draftKinds - 1`, the last one the most often. */
  readonly kind: number
}

/** Kinds of drafts that acceptance is measured for. */
export const draftKinds = 4

/** Proposes tokens. A proposal costs time when it is wrong, and never changes the text. */
export interface Drafter {
  /** The text goes on with this token: of the prompt first, then every token that was drawn. */
  append(tokenId: number): void
  /**
   * @param ahead this drafter's earlier proposals behind the text, whose tokens are not drawn yet
   * @param count most tokens; fewer, or none, when nothing suggests more
   */
  draft(ahead: readonly number[], count: number): Draft
}
