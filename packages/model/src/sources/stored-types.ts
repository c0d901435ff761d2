/** Formats that safetensors files store values in, little-endian: so many consecutive values take so many bytes. */
export const floatTypes = {
  F64: { values: 1, bytes: 8 },
  F32: { values: 1, bytes: 4 },
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
} as const
export type FloatType = keyof typeof floatTypes

/** Codes that safetensors files hold, which mean nothing without the scales of another tensor. */
export const codeTypes = {
  F8_E4M3: { values: 1, bytes: 1 },
  U8: { values: 1, bytes: 1 },
} as const
export type CodeType = keyof typeof codeTypes

/** Formats of GGUF files that quantise blocks of values along a row (`ggml-common.h` of llama.cpp). */
export const blockTypes = {
  Q4_0: { values: 32, bytes: 18 },
  Q4_1: { values: 32, bytes: 20 },
  Q5_0: { values: 32, bytes: 22 },
  Q5_1: { values: 32, bytes: 24 },
  Q8_0: { values: 32, bytes: 34 },
  Q2_K: { values: 256, bytes: 84 },
  Q3_K: { values: 256, bytes: 110 },
  Q4_K: { values: 256, bytes: 144 },
  Q5_K: { values: 256, bytes: 176 },
  Q6_K: { values: 256, bytes: 210 },
  IQ4_NL: { values: 32, bytes: 18 },
  IQ4_XS: { values: 256, bytes: 136 },
  MXFP4: { values: 32, bytes: 17 },
} as const
export type BlockType = keyof typeof blockTypes

/** Formats in which checkpoints store values. */
export const storedTypes = { ...floatTypes, ...blockTypes }
export type StoredType = FloatType | BlockType

export function isFloatType(value: unknown): value is FloatType {
  return typeof value === 'string' && Object.hasOwn(floatTypes, value)
}

export function isCodeType(value: unknown): value is CodeType {
  return typeof value === 'string' && Object.hasOwn(codeTypes, value)
}

export function isBlockType(type: StoredType): type is BlockType {
  return Object.hasOwn(blockTypes, type)
}

/** Bytes of `count` values, which fill whole blocks. */
export function storedBytes(type: StoredType, count: number): number {
  const { values, bytes } = storedTypes[type]
  return (count / values) * bytes
}

/** Values in so many bytes. */
export function storedValues(type: StoredType, byteLength: number): number {
  const { values, bytes } = storedTypes[type]
  return (byteLength / bytes) * values
}
