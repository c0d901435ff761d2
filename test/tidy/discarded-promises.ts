/** A promise that a statement discards with `void` although nothing handles its rejection. */
export interface DiscardedPromise {
  readonly line: number
  /** The call whose promise is discarded: `then` or `finally`. */
  readonly call: string
}

/**
 * Statements `void x.then(onFulfilled)` and `void x.finally(…)`: a rejection of `x` ends the process, and the linter
 * takes `void` for consent. `void x()` of an async function that handles its own errors is not found by this.
 */
export function discardedPromises(code: string): DiscardedPromise[] {
  const found: DiscardedPromise[] = []
  for (const match of code.matchAll(/\bvoid\s+(?=[\w(])/g)) {
    const last = lastCall(code, match.index + match[0].length)
    if (last === null) continue
    const handled = last.name === 'then' ? last.argumentCount >= 2 : last.name !== 'finally'
    if (!handled) found.push({ line: code.slice(0, match.index).split('\n').length, call: last.name })
  }
  return found
}

interface Call {
  readonly name: string
  readonly argumentCount: number
}

/** The last call of the chain of property accesses and calls that begins at an offset. */
function lastCall(code: string, from: number): Call | null {
  let at = from
  let last: Call | null = null
  let name = ''
  for (;;) {
    const access = (at === from ? /^[\w$]+/ : /^\s*[?!]?\.\s*#?[\w$]+/).exec(code.slice(at, at + 200))
    if (access !== null) {
      name = access[0].replaceAll(/[^\w$]/g, '')
      at += access[0].length
    } else if (code[at] === '(') {
      const brackets = readBrackets(code, at)
      if (name !== '') last = { name, argumentCount: brackets.argumentCount }
      at = brackets.end
    } else return last
  }
}

/** @param from offset of an opening bracket. Brackets and commas in texts are counted too: good enough for formatted code */
function readBrackets(code: string, from: number): { argumentCount: number; end: number } {
  let depth = 0
  let commas = 0
  for (let at = from; at < code.length; at += 1) {
    const character = code[at] ?? ''
    if ('([{'.includes(character)) depth += 1
    else if (')]}'.includes(character)) depth -= 1
    else if (character === ',' && depth === 1 && !/^,\s*\)/.test(code.slice(at, at + 100))) commas += 1
    if (depth === 0) {
      const empty = /^\s*$/.test(code.slice(from + 1, at))
      return { argumentCount: empty ? 0 : commas + 1, end: at + 1 }
    }
  }
  return { argumentCount: 0, end: code.length }
}
