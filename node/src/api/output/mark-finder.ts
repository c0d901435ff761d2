/** Finds marks in a text that comes character by character; what may still become a mark is held back. */
export interface MarkFinder {
  /** @returns text that is no part of a mark, and the mark that this character completes */
  push(character: string): { readonly text: string; readonly mark: string | null }
  /** The text held back. */
  flush(): string
}

/** @param marks none of which begins another one */
export function createMarkFinder(marks: readonly string[]): MarkFinder {
  let held = ''
  return {
    push(character) {
      held += character
      let text = ''
      while (held !== '' && !marks.some((mark) => mark.startsWith(held))) {
        text += held.charAt(0)
        held = held.slice(1)
      }
      const mark = marks.includes(held) ? held : null
      if (mark !== null) held = ''
      return { text, mark }
    },
    flush() {
      const text = held
      held = ''
      return text
    },
  }
}
