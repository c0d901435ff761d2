/** Where a JSON object or array ends, character by character. */
export interface JsonSpan {
  /** Levels open now: 0 before the first and after the last bracket. */
  readonly depth: number
  readonly inString: boolean
  /** Takes the next character. @returns whether the outermost bracket has closed with it */
  take(character: string): boolean
}

export function createJsonSpan(): JsonSpan {
  let depth = 0
  let inString = false
  let escaped = false
  return {
    get depth() {
      return depth
    },
    get inString() {
      return inString
    },
    take(character) {
      if (inString) {
        if (escaped) escaped = false
        else if (character === '\\') escaped = true
        else if (character === '"') inString = false
        return false
      }
      if (character === '"') inString = true
      else if (character === '{' || character === '[') depth += 1
      else if (character === '}' || character === ']') {
        depth -= 1
        return depth <= 0
      }
      return false
    },
  }
}

/** The value of a JSON text; undefined where it is none. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
