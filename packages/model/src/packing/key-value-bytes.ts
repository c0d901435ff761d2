import type { AttentionSpec } from '../config/block-spec.ts'
import { cachedRows } from '../config/cached-rows.ts'
import type { KeyValueFormat } from './profile.ts'

/**
 * Bytes of one position in one block's KV cache. In int8, each head has a float32 scale for its keys and one for its values;
 * the inputs of short convolutions are float32 in both formats.
 */
export function keyValueBytesPerPosition(
  attention: Pick<AttentionSpec, 'headCount' | 'keyValueHeadCount' | 'headSize' | 'convolution'>,
  kv: KeyValueFormat,
): number {
  const float = Float32Array.BYTES_PER_ELEMENT
  const isFloat = kv === 'f32' || attention.convolution !== undefined
  return cachedRows(attention).reduce(
    (sum, { heads, size }) => sum + heads * (isFloat ? float * size : size + float),
    0,
  )
}
