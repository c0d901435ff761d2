import type { AttentionSpec } from '../config/block-spec.ts'
import type { KeyValueFormat } from './profile.ts'

/** Bytes of one position in one block's KV cache. In int8, each head has a float32 scale for its keys and one for its values. */
export function keyValueBytesPerPosition(
  { keyValueHeadCount, headSize }: Pick<AttentionSpec, 'keyValueHeadCount' | 'headSize'>,
  kv: KeyValueFormat,
): number {
  const float = Float32Array.BYTES_PER_ELEMENT
  return 2 * keyValueHeadCount * (kv === 'f32' ? float * headSize : headSize + float)
}
