import { createJsonSpan, readJson } from './json-span.ts'
import type { OutputPart } from './parts.ts'

/** A call as one JSON object, `{"name": …, "arguments": {…}}`, whose arguments go on while they come. */
export interface JsonCall {
  /** @returns parts that are certain now */
  take(character: string): OutputPart[]
  /** The object is complete. */
  readonly closed: boolean
  /** A call has been told. */
  readonly told: boolean
  readonly inString: boolean
}

const argumentKeys = new Set(['arguments', 'parameters'])

/** @param isTool whether a name may be called; an object with another name is not told as a call */
export function createJsonCall(isTool: (name: string) => boolean): JsonCall {
  return new JsonCallReader(isTool)
}

class JsonCallReader implements JsonCall {
  readonly #isTool: (name: string) => boolean
  readonly #span = createJsonSpan()
  #raw = ''
  /** A text at the object's own level: a key, or a value. */
  #words = ''
  #key: string | null = null
  #name: string | null = null
  /** Arguments that came before the name. */
  #held: string | null = null
  #inArguments = false
  closed = false
  told = false

  constructor(isTool: (name: string) => boolean) {
    this.#isTool = isTool
  }

  get inString(): boolean {
    return this.#span.inString
  }

  take(character: string): OutputPart[] {
    const before = this.#span.depth
    const quoted = this.#span.inString
    this.#raw += character
    const ends = this.#span.take(character)
    const { depth } = this.#span
    if (this.#inArguments) {
      this.#inArguments = depth > 1
      return this.#argue(character)
    }
    if (ends) return this.#finish()
    if (before === 1 && depth === 2 && this.#key !== null && argumentKeys.has(this.#key)) {
      this.#inArguments = true
      return [...this.#tell(), ...this.#argue(character)]
    }
    return before === 1 && depth === 1 ? this.#atOwnLevel(character, quoted) : []
  }

  #atOwnLevel(character: string, quoted: boolean): OutputPart[] {
    if (!quoted && character === ':' && this.#key === null) {
      const text = readJson(this.#words.trim())
      this.#key = typeof text === 'string' ? text : ''
      this.#words = ''
      return []
    }
    if (quoted || character !== ',') {
      this.#words += character
      return []
    }
    const parts = this.#value()
    this.#key = null
    this.#words = ''
    return parts
  }

  /** A value at the object's own level is complete. */
  #value(): OutputPart[] {
    const text = readJson(this.#words.trim())
    if (this.#key === 'name' && typeof text === 'string') this.#name = text
    return this.#held === null ? [] : this.#tell()
  }

  #argue(character: string): OutputPart[] {
    if (this.told) return [{ type: 'arguments', text: character }]
    this.#held = (this.#held ?? '') + character
    return []
  }

  #tell(): OutputPart[] {
    const name = this.#name
    if (this.told || name === null || !this.#isTool(name)) return []
    this.told = true
    const text = this.#held ?? ''
    this.#held = null
    return [
      { type: 'call', name },
      { type: 'arguments', text },
    ]
  }

  #finish(): OutputPart[] {
    this.closed = true
    if (this.told) return []
    const parts = this.#value()
    if (this.told) return parts
    const whole = wholeCall(readJson(this.#raw), this.#isTool)
    this.told = whole.length > 0
    return whole
  }
}

/** The call of a complete object, in the forms that models fall into; none where there is no name. */
export function wholeCall(object: unknown, isTool: (name: string) => boolean): OutputPart[] {
  if (typeof object !== 'object' || object === null) return []
  const fields = object as Record<string, unknown>
  const inner = fields['function']
  if (typeof inner === 'object' && inner !== null) return wholeCall(inner, isTool)
  const name = fields['name'] ?? inner
  if (typeof name !== 'string' || !isTool(name)) return []
  const given = fields['arguments'] ?? fields['parameters'] ?? {}
  return [
    { type: 'call', name },
    { type: 'arguments', text: typeof given === 'string' ? given : JSON.stringify(given) },
  ]
}
