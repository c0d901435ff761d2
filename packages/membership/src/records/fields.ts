import { decode } from 'cborg'
import { ShoalError } from '@shoal/host'

/** A map of a record, as it was decoded. */
export type Fields = ReadonlyMap<unknown, unknown>

export function parse(bytes: Uint8Array): unknown {
  try {
    // Decoded into maps, not objects, so that a key named __proto__ is a key like any other.
    return decode(bytes, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
    })
  } catch (cause) {
    throw refuse('its CBOR is damaged', cause)
  }
}

export function refuse(why: string, cause?: unknown): ShoalError {
  return new ShoalError('bad-frame', `a member record was refused: ${why}`, { cause })
}

export function asMap(value: unknown, name: string): Fields {
  if (!(value instanceof Map)) throw refuse(`${name} is not a map`)
  return value
}

export function text(fields: Fields, name: string, lengthMax: number): string {
  const value = fields.get(name)
  if (typeof value !== 'string' || value.length > lengthMax)
    throw refuse(`${name} is not a text of at most ${lengthMax} characters`)
  return value
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export function count(fields: Fields, name: string): number {
  const value = fields.get(name)
  if (!isCount(value)) throw refuse(`${name} is not a whole number`)
  return value
}
