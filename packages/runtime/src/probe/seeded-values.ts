import { seededRandom } from '@shoal/host'

/** `length` float32 values, uniform in [-scale, scale), the same on every machine. */
export function seededValues(seed: number, length: number, scale: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed)
  return Float32Array.from({ length }, () => (2 * random.unit() - 1) * scale)
}

/** A seed from a name (FNV-1a), so that each tensor of a probe has values of its own. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return hash >>> 0
}
