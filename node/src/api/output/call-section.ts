import { createJsonCall, type JsonCall } from './json-call.ts'
import { createJsonSpan, type JsonSpan } from './json-span.ts'
import type { OutputPart } from './parts.ts'
import { readTaggedCall } from './tagged-call.ts'

/** The calls behind an opening mark. */
export interface CallSection {
  /** Inside of a JSON string, where marks are text. */
  readonly inString: boolean
  /** Takes the next character. `over`: the section has ended, and this text belongs to what follows it. */
  take(character: string): { readonly parts: OutputPart[]; readonly over: string | null }
  /** No further text comes: the closing mark has come, or the output has ended. */
  end(closing: string): OutputPart[]
}

export interface SectionRules {
  /** The mark that opened the section; empty for an output that is a JSON object. */
  readonly opening: string
  /** A mark closes the section, so that whatever stands between calls belongs to it. */
  readonly closes: boolean
  readonly tools: ReadonlySet<string>
}

/** White space, and what models write between the calls of an array or a list. */
const separator = /[\s,;]/u

/**
 * Reads `{"name": …, "arguments": …}`, arrays of them, and `name{arguments}` with the marks that families put around the
 * name. Text without a bracket is kept, and read as a call in tags when it ends. What is no call is content again.
 */
export function createCallSection(rules: SectionRules): CallSection {
  return new CallReader(rules)
}

class CallReader implements CallSection {
  readonly #rules: SectionRules
  /** Text before a bracket. */
  #header = ''
  /** Text that is content if no call comes. */
  #kept: string
  #call: JsonCall | null = null
  #span: JsonSpan | null = null
  #calls = 0

  constructor(rules: SectionRules) {
    this.#rules = rules
    this.#kept = rules.opening
  }

  get inString(): boolean {
    return (this.#span ?? this.#call)?.inString === true
  }

  take(character: string): { readonly parts: OutputPart[]; readonly over: string | null } {
    if (this.#call !== null || this.#span !== null) return { parts: this.#inObject(character), over: null }
    if (this.#strays(character)) return { parts: [], over: this.#kept + character }
    return { parts: character === '{' ? this.#atBracket() : this.#keep(character), over: null }
  }

  end(closing: string): OutputPart[] {
    const { opening, tools } = this.#rules
    if (this.#span !== null || this.#call?.told === true) return []
    const tagged = this.#call === null && opening !== '' ? readTaggedCall(opening, this.#header, tools) : null
    if (tagged !== null) return tagged
    // Behind a call, only text that should have been another one is worth showing.
    if (this.#kept === '' || (this.#calls > 0 && this.#call === null)) return []
    return [{ type: 'content', text: this.#kept + closing }]
  }

  #inObject(character: string): OutputPart[] {
    if (this.#span !== null) {
      if (this.#span.take(character)) this.#span = null
      return [{ type: 'arguments', text: character }]
    }
    this.#kept += character
    const parts = this.#call?.take(character) ?? []
    if (this.#call?.told === true) this.#kept = ''
    if (this.#call?.closed === true) {
      if (this.#call.told) this.#calls += 1
      this.#call = null
    }
    return parts
  }

  #atBracket(): OutputPart[] {
    const { opening, tools } = this.#rules
    if (this.#header === '') {
      // A mark says that a call follows; without one only the name of a tool does.
      this.#call = createJsonCall((name) => opening !== '' || tools.has(name))
      return this.#inObject('{')
    }
    const name = opening === '' ? null : nameBefore(this.#header)
    if (name === null || !tools.has(name)) return this.#keep('{')
    this.#calls += 1
    this.#header = ''
    this.#kept = ''
    this.#span = createJsonSpan()
    return [{ type: 'call', name }, ...this.#inObject('{')]
  }

  #keep(character: string): OutputPart[] {
    const bracket = this.#rules.opening !== '' && (character === '[' || character === ']')
    const between = this.#header === '' && (bracket || separator.test(character))
    if (!between) this.#header += character
    if (!between || this.#calls === 0) this.#kept += character
    return []
  }

  /** Whether this character belongs to what follows calls that no mark closes. */
  #strays(character: string): boolean {
    const { opening, closes } = this.#rules
    if (closes || this.#header !== '' || character === '{' || separator.test(character)) return false
    if (opening === '') return this.#kept !== '' || this.#calls > 0
    return this.#calls > 0 && character !== ']'
  }
}

/** The name before a call's arguments: `function<｜tool▁sep｜>NAME`, `NAME[ARGS]`, `NAME>`. */
function nameBefore(header: string): string | null {
  if (header.startsWith('<function=') || header.includes('<arg_key>')) return null
  const words = header
    .replace(/^[\s\S]*<｜tool▁call▁begin｜>/u, '')
    .replace(/^\s*function<｜tool▁sep｜>/u, '')
  return /^\s*([\w.-]+)/u.exec(words)?.[1] ?? null
}
