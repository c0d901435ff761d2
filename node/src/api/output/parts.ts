/** A piece of what a model has written, told apart by what it is for. */
export type OutputPart =
  | { readonly type: 'content'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  /** A call of a tool begins; the arguments that follow are its own. */
  | { readonly type: 'call'; readonly name: string }
  /** JSON, in pieces. */
  | { readonly type: 'arguments'; readonly text: string }

/** Tells the parts of a model's output apart while it comes. Nothing that a model writes is lost: what is no call is content. */
export interface OutputParser {
  push(text: string): OutputPart[]
  /** No further text comes. */
  end(): OutputPart[]
}

/** Joins neighbouring texts of one kind. */
export function mergeParts(parts: readonly OutputPart[]): OutputPart[] {
  const merged: OutputPart[] = []
  for (const part of parts) {
    if (part.type !== 'call' && part.text === '') continue
    const last = merged.at(-1)
    if (part.type !== 'call' && last?.type === part.type && 'text' in last)
      merged[merged.length - 1] = { type: part.type, text: last.text + part.text }
    else merged.push(part)
  }
  return merged
}
