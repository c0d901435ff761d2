/**
 * Formats in which checkpoints store values, little-endian: so many consecutive values of a row take so many bytes.
 * Formats that quantise blocks of values differ from these in `values` only.
 */
export const storedTypes = {
  F64: { values: 1, bytes: 8 },
  F32: { values: 1, bytes: 4 },
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
} as const
export type StoredType = keyof typeof storedTypes

export function isStoredType(value: unknown): value is StoredType {
  return typeof value === 'string' && Object.hasOwn(storedTypes, value)
}

/** Bytes of `count` values, which fill whole blocks. */
export function storedBytes(type: StoredType, count: number): number {
  const { values, bytes } = storedTypes[type]
  return (count / values) * bytes
}
