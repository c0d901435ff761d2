import { createCallSection, type CallSection } from './call-section.ts'
import { thoughtMarks, type OutputFormat } from './format.ts'
import { createHarmonyParser } from './harmony.ts'
import { createMarkFinder, type MarkFinder } from './mark-finder.ts'
import { mergeParts, type OutputParser, type OutputPart } from './parts.ts'

export interface OutputRules {
  readonly format: OutputFormat
  /** Names of the tools that were offered; without any, a call is content like every other text. */
  readonly tools: ReadonlySet<string>
  /** The prompt has opened the thoughts already. */
  readonly thinking: boolean
  /** The caller has given the beginning of the content. */
  readonly begun?: boolean
}

/**
 * Reads a model's output character by character, so that the pieces in which the text comes change nothing. White space
 * around thoughts and calls belongs to neither of them and is left out.
 */
export function createOutputParser(rules: OutputRules): OutputParser {
  if (rules.format.name === 'harmony') return createHarmonyParser(rules.begun ?? false)
  const reader = new OutputReader(rules)
  return {
    push: (text) => mergeParts(Array.from(text).flatMap((character) => reader.take(character))),
    end: () => mergeParts(reader.end()),
  }
}

class OutputReader {
  readonly #rules: OutputRules
  readonly #finder: MarkFinder
  #section: CallSection | null = null
  /** The text that ends the thoughts, while the model thinks. */
  #thoughtEnd: string | null
  /** Neither thoughts nor content nor a call has come: thoughts may begin. */
  #mayThink: boolean
  /** Neither content nor a call has come: a JSON object may be a call. */
  #first: boolean
  /** White space that is content only if content follows. */
  #blank = ''
  /** Thoughts or calls have come last, so that white space separates only. */
  #separated: boolean

  constructor(rules: OutputRules) {
    this.#rules = rules
    this.#thoughtEnd = rules.thinking ? '</think>' : null
    this.#first = rules.begun !== true
    this.#mayThink = !rules.thinking && rules.begun !== true
    this.#separated = rules.thinking
    const calls = rules.tools.size > 0 ? [...rules.format.open, ...rules.format.close] : []
    this.#finder = createMarkFinder([...calls, ...thoughtMarks.flat()])
  }

  take(character: string): OutputPart[] {
    const { text, mark } = this.#finder.push(character)
    return [...this.#texts(text), ...(mark === null ? [] : this.#mark(mark))]
  }

  end(): OutputPart[] {
    const parts = this.#texts(this.#finder.flush())
    const last = this.#endSection('')
    const blank = this.#separated || this.#thoughtEnd !== null ? '' : this.#blank
    return [...parts, ...last, { type: 'content', text: blank }]
  }

  #texts(text: string): OutputPart[] {
    return Array.from(text).flatMap((character) => this.#text(character))
  }

  #text(character: string): OutputPart[] {
    if (this.#section !== null) return this.#inSection(this.#section, character)
    const { format, tools } = this.#rules
    const mayCall = this.#first && this.#thoughtEnd === null && format.bare && tools.size > 0
    if (mayCall && character === '{') return this.#inSection(this.#open(''), character)
    if (/\s/u.test(character)) {
      this.#blank += character
      return []
    }
    const text = (this.#separated ? '' : this.#blank) + character
    this.#blank = ''
    this.#separated = false
    this.#mayThink = false
    if (this.#thoughtEnd !== null) return [{ type: 'reasoning', text }]
    this.#first = false
    return [{ type: 'content', text }]
  }

  #mark(mark: string): OutputPart[] {
    if (this.#section?.inString === true) return this.#texts(mark)
    if (this.#thoughtEnd !== null) {
      if (mark !== this.#thoughtEnd) return this.#texts(mark)
      this.#thoughtEnd = null
      this.#separate()
      return []
    }
    const { format, tools } = this.#rules
    const offered = tools.size > 0
    if (offered && format.open.includes(mark)) {
      const parts = this.#endSection('')
      this.#open(mark)
      return parts
    }
    // Behind an array of calls, the closing mark stands alone.
    if (offered && format.close.includes(mark)) return this.#endSection(mark)
    const thoughtEnd = thoughtMarks.find(([open]) => open === mark)?.[1]
    if (!this.#mayThink || thoughtEnd === undefined) return this.#texts(mark)
    this.#thoughtEnd = thoughtEnd
    this.#separate()
    return []
  }

  #open(opening: string): CallSection {
    const closes = this.#rules.format.close.length > 0 && opening !== ''
    this.#first = false
    this.#mayThink = false
    this.#section = createCallSection({ opening, closes, tools: this.#rules.tools })
    return this.#section
  }

  #endSection(closing: string): OutputPart[] {
    const section = this.#section
    if (section === null) return []
    this.#section = null
    const parts = section.end(closing)
    if (!parts.some(({ type }) => type === 'content')) {
      this.#separate()
      return parts
    }
    // No call: white space before it is content too.
    const text = this.#separated ? '' : this.#blank
    this.#blank = ''
    this.#separated = false
    return [{ type: 'content', text }, ...parts]
  }

  #inSection(section: CallSection, character: string): OutputPart[] {
    const { parts, over } = section.take(character)
    if (over === null) return parts
    this.#section = null
    if (over.length <= character.length) this.#separate()
    return [...parts, ...this.#texts(over)]
  }

  #separate(): void {
    this.#blank = ''
    this.#separated = true
    this.#mayThink = false
  }
}
