import { badFrame, decodeFields } from './frame.ts'
import { limits } from './limits.ts'

/** Checked access to the fields of one message. Every method throws `bad-frame` with the names of message and field. */
export interface Fields {
  /** Whether the field is present: fields that a later release has added may be absent. */
  has(field: string): boolean
  /** Any text of at most `maxLength` UTF-16 code units. */
  text(field: string, maxLength: number): string
  textOrNull(field: string, maxLength: number): string | null
  /** Printable ASCII without spaces, 1 to `maxLength` characters. Default: `limits.maxIdLength`. */
  id(field: string, maxLength?: number): string
  idOrNull(field: string): string | null
  /** A safe integer in `[min, max]`. */
  integer(field: string, min?: number, max?: number): number
  integerOrNull(field: string, min?: number, max?: number): number | null
  flag(field: string): boolean
  /** A view of at most `maxLength` bytes. */
  bytes(field: string, maxLength: number): Uint8Array
  oneOf<const Choice extends string>(field: string, choices: readonly Choice[]): Choice
  list<Item>(field: string, maxLength: number, read: (value: unknown, where: string) => Item): readonly Item[]
  /** The fields of a map within the map. */
  nested(field: string): Fields
}

export function readFields(name: string, header: Uint8Array): Fields {
  return fieldsOf(name, decodeFields(name, header))
}

/** Whether a value is what {@link Fields.id} accepts. */
export function isId(value: unknown, maxLength: number = limits.maxIdLength): value is string {
  return typeof value === 'string' && value.length <= maxLength && /^[\x21-\x7e]+$/.test(value)
}

export function checkText(value: unknown, where: string, maxLength: number): string {
  if (typeof value !== 'string') throw badFrame(`${where} must be text`)
  if (value.length > maxLength)
    throw badFrame(`${where} has ${value.length} characters, at most ${maxLength} are allowed`)
  return value
}

function checkId(value: unknown, where: string, maxLength?: number): string {
  if (!isId(value, maxLength))
    throw badFrame(`${where} must be 1 to ${maxLength ?? limits.maxIdLength} printable characters`)
  return value
}

function checkInteger(value: unknown, where: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw badFrame(`${where} must be an integer from ${min} to ${max}`)
  }
  return value
}

function fieldsOf(name: string, map: Readonly<Record<string, unknown>>): Fields {
  const at = (field: string): string => `${name}: ${field}`
  const value = (field: string): unknown => {
    if (!Object.hasOwn(map, field)) throw badFrame(`${at(field)} is missing`)
    return map[field]
  }
  return {
    has: (field) => Object.hasOwn(map, field),
    text: (field, maxLength) => checkText(value(field), at(field), maxLength),
    textOrNull: (field, maxLength) =>
      value(field) === null ? null : checkText(value(field), at(field), maxLength),
    id: (field, maxLength) => checkId(value(field), at(field), maxLength),
    idOrNull: (field) => (value(field) === null ? null : checkId(value(field), at(field))),
    integer: (field, min, max) => checkInteger(value(field), at(field), min, max),
    integerOrNull: (field, min, max) =>
      value(field) === null ? null : checkInteger(value(field), at(field), min, max),
    flag(field) {
      const found = value(field)
      if (typeof found !== 'boolean') throw badFrame(`${at(field)} must be true or false`)
      return found
    },
    bytes(field, maxLength) {
      const found = value(field)
      if (!(found instanceof Uint8Array)) throw badFrame(`${at(field)} must be bytes`)
      if (found.length > maxLength)
        throw badFrame(`${at(field)} has ${found.length} bytes, at most ${maxLength} are allowed`)
      return found
    },
    oneOf(field, choices) {
      const found = value(field)
      const choice = choices.find((candidate) => candidate === found)
      if (choice === undefined) throw badFrame(`${at(field)} must be one of ${choices.join(', ')}`)
      return choice
    },
    list(field, maxLength, read) {
      const found = value(field)
      if (!Array.isArray(found)) throw badFrame(`${at(field)} must be a list`)
      if (found.length > maxLength)
        throw badFrame(`${at(field)} has ${found.length} items, at most ${maxLength} are allowed`)
      return found.map((item: unknown, index) => read(item, `${at(field)}[${index}]`))
    },
    nested(field) {
      const found = value(field)
      if (
        typeof found !== 'object' ||
        found === null ||
        Array.isArray(found) ||
        found instanceof Uint8Array
      ) {
        throw badFrame(`${at(field)} must be a map`)
      }
      return fieldsOf(`${name}.${field}`, found as Record<string, unknown>)
    },
  }
}

/**
 * The longest prefix of `text` that has at most `limits.maxMessageBytes` bytes in UTF-8. Error messages may quote input of
 * any length.
 */
export function clipMessage(text: string): string {
  if (text.length * 3 <= limits.maxMessageBytes) return text
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(limits.maxMessageBytes))
  return text.slice(0, read)
}
