import { ModelError } from './error.ts'

/** A JSON object whose fields have not been checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** @throws {ModelError} `bad-model` when `value` is not an object; `what` names it for people */
export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelError('bad-model', `${what} is not a JSON object`)
  }
  return value as JsonObject
}

/** The field, or undefined when it is absent; never an inherited property such as `constructor`. */
export function fieldOf(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** @throws {ModelError} `bad-model` when the bytes are not UTF-8 JSON */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new ModelError(
      'bad-model',
      `${what} is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

/** @throws {ModelError} `bad-model` when `value` is not an integer in `[min, max]` */
export function checkInteger(value: unknown, what: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new ModelError('bad-model', `${what} must be an integer from ${min} to ${max}, not ${show(value)}`)
  }
  return value
}

/** @throws {ModelError} `bad-model` when `value` is not a finite number in `[min, max]` */
export function checkNumber(value: unknown, what: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min || value > max) {
    throw new ModelError('bad-model', `${what} must be a number from ${min} to ${max}, not ${show(value)}`)
  }
  return value
}

/** The value of a flag; one that is absent or null is not set. @throws {ModelError} `bad-model` */
export function isSet(object: JsonObject, key: string, absent = false): boolean {
  return checkBoolean(fieldOf(object, key) ?? absent, key)
}

/** @throws {ModelError} `bad-model` when `value` is not a boolean */
export function checkBoolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean')
    throw new ModelError('bad-model', `${what} must be true or false, not ${show(value)}`)
  return value
}

/** A foreign value for an error message, at most 80 characters long. It never throws, whatever a parser has made. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = textOf(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  try {
    return JSON.stringify(value, showPart) ?? typeof value
  } catch {
    // Nested too deeply to be written.
    return Array.isArray(value) ? 'a list' : 'an object'
  }
}

/** CBOR has values that JSON lacks, and bytes would become an object with a field for each. */
function showPart(_key: string, part: unknown): unknown {
  if (typeof part === 'bigint') return String(part)
  return part instanceof Uint8Array ? `${part.byteLength} bytes` : part
}
