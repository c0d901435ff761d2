/** The head of a GGUF file, version 3: metadata, then names, shapes, types and places of tensors. */

/** A tensor as the head describes it. */
export interface GgufEntry {
  readonly name: string
  /** Rows first, as safetensors has it; the file lists the fastest dimension first. */
  readonly shape: readonly number[]
  readonly type: number
  readonly byteLength: number
}

/** Texts, whole numbers (uint32), other numbers (float32), and lists. */
export type GgufValue =
  | string
  | { readonly uint32: number }
  | { readonly float32: number }
  | { readonly texts: readonly string[] }
  | { readonly float32s: Float32Array }
  | { readonly int32s: Int32Array }

/** Bytes to which every tensor's place is rounded (`general.alignment`, its default). */
const alignment = 32

export const aligned = (offset: number): number => Math.ceil(offset / alignment) * alignment

/** The whole head, padded; the tensors follow it in their order, each padded with {@link aligned}. */
export function ggufHeader(
  metadata: readonly (readonly [string, GgufValue])[],
  entries: readonly GgufEntry[],
): Uint8Array {
  const parts: Buffer[] = [Buffer.from('GGUF'), uint32(3), uint64(entries.length), uint64(metadata.length)]
  for (const [key, value] of metadata) parts.push(text(key), ...valueParts(value))
  let offset = 0
  for (const { name, shape, type, byteLength } of entries) {
    parts.push(text(name), uint32(shape.length), ...shape.toReversed().map(uint64))
    parts.push(uint32(type), uint64(offset))
    offset = aligned(offset + byteLength)
  }
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return Buffer.concat([...parts, Buffer.alloc(aligned(length) - length)])
}

function valueParts(value: GgufValue): Buffer[] {
  if (typeof value === 'string') return [uint32(8), text(value)]
  if ('uint32' in value) return [uint32(4), uint32(value.uint32)]
  if ('float32' in value) return [uint32(6), float32(value.float32)]
  if ('texts' in value)
    return [uint32(9), uint32(8), uint64(value.texts.length), Buffer.concat(value.texts.map(text))]
  const [type, list] = 'float32s' in value ? [6, value.float32s] : [5, value.int32s]
  return [uint32(9), uint32(type), uint64(list.length), Buffer.from(list.buffer)]
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint64(bytes.byteLength), bytes])
}
