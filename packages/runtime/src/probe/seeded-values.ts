import { seededRandom } from '@shoal/host'

/** `length` float32 values, uniform in [-scale, scale), the same on every machine. */
export function seededValues(seed: number, length: number, scale: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed)
  const values = new Float32Array(length)
  for (let index = 0; index < length; index += 1) values[index] = (2 * random.unit() - 1) * scale
  return values
}

/** `length` bytes, uniform, the same on every machine. */
export function seededBytes(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed)
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let index = 0; index < words.length; index += 1) words[index] = random.uint32()
  return new Uint8Array(words.buffer, 0, length)
}

/** A seed from a name (32-bit FNV-1a), so that each tensor of a probe has values of its own. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return hash >>> 0
}
