import { utf8 } from './small-model.ts'

/** A tensor of a GGUF file: `shape` as the file has it, fastest dimension first. */
export interface GgufTensor {
  readonly name: string
  readonly shape: readonly (number | bigint)[]
  /** Number of the type in the file. */
  readonly type: number
  readonly bytes: Uint8Array
  /** In the data section; behind the tensor before by default. */
  readonly offset?: number | bigint
}

/** Metadata: texts, lists of texts, integers (uint32), other numbers and lists of numbers (float32), flags. */
export type GgufTestValue = string | number | boolean | readonly string[] | readonly number[] | Uint8Array

export interface GgufFileParts {
  readonly version?: number
  readonly metadata?: readonly (readonly [string, GgufTestValue])[]
  readonly tensors?: readonly GgufTensor[]
  /** In place of the true numbers. */
  readonly tensorCount?: bigint
  readonly keyCount?: bigint
}

/** A GGUF file of these parts, however wrong they are. Bytes in place of a value are written as they are. */
export function ggufFile(parts: GgufFileParts): Uint8Array {
  const { metadata = [], tensors = [] } = parts
  const out = new ByteList()
  out.bytes(utf8('GGUF'))
  out.uint32(parts.version ?? 3)
  out.uint64(parts.tensorCount ?? BigInt(tensors.length))
  out.uint64(parts.keyCount ?? BigInt(metadata.length))
  for (const [key, value] of metadata) {
    out.text(key)
    out.value(value)
  }
  let end = 0
  for (const { name, shape, type, bytes, offset } of tensors) {
    out.text(name)
    out.uint32(shape.length)
    for (const size of shape) out.uint64(BigInt(size))
    out.uint32(type)
    out.uint64(BigInt(offset ?? end))
    end = aligned(end + bytes.byteLength)
  }
  out.pad()
  for (const { bytes } of tensors) {
    out.bytes(bytes)
    out.pad()
  }
  return out.whole()
}

const aligned = (offset: number): number => Math.ceil(offset / 32) * 32

class ByteList {
  readonly #parts: Uint8Array[] = []
  #length = 0

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.byteLength
  }

  uint32(value: number): void {
    this.bytes(new Uint8Array(Uint32Array.of(value).buffer))
  }

  uint64(value: bigint): void {
    this.bytes(new Uint8Array(BigUint64Array.of(value).buffer))
  }

  text(text: string): void {
    const bytes = utf8(text)
    this.uint64(BigInt(bytes.byteLength))
    this.bytes(bytes)
  }

  value(value: GgufTestValue): void {
    if (value instanceof Uint8Array) this.bytes(value)
    else if (typeof value === 'string') {
      this.uint32(8)
      this.text(value)
    } else if (typeof value === 'boolean') {
      this.uint32(7)
      this.bytes(Uint8Array.of(value ? 1 : 0))
    } else if (typeof value === 'number') this.#number(value)
    else this.#list(value)
  }

  pad(): void {
    this.bytes(new Uint8Array(aligned(this.#length) - this.#length))
  }

  whole(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts))
  }

  #number(value: number): void {
    this.uint32(Number.isInteger(value) ? 4 : 6)
    if (Number.isInteger(value)) this.uint32(value)
    else this.bytes(new Uint8Array(Float32Array.of(value).buffer))
  }

  #list(values: readonly (string | number)[]): void {
    const texts = typeof values[0] === 'string'
    this.uint32(9)
    this.uint32(texts ? 8 : 6)
    this.uint64(BigInt(values.length))
    for (const value of values)
      if (typeof value === 'string') this.text(value)
      else this.bytes(new Uint8Array(Float32Array.of(value).buffer))
  }
}
