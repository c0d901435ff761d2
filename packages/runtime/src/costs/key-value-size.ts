import type { ModelConfig } from '@shoal/model'
import { limits } from '../limits.ts'

/** Bytes of one position of one block's KV cache (float32 keys and values). */
export function keyValueBytesPerPosition(
  config: Pick<ModelConfig, 'keyValueHeadCount' | 'headSize'>,
): number {
  return 2 * config.keyValueHeadCount * config.headSize * Float32Array.BYTES_PER_ELEMENT
}

/**
 * Positions to allocate so that `length` fit, at most `budget`.
 *
 * Attention touches the whole buffer in every step, so it must not be much larger than its content; growing copies it,
 * so it must not grow by single rows. A quarter of the next power of two wastes at most 25% and copies each row about
 * five times in a session's life.
 */
export function keyValueCapacity(length: number, budget: number): number {
  const step = Math.max(limits.keyValueStepMin, 2 ** Math.ceil(Math.log2(Math.max(1, length))) / 4)
  return Math.min(budget, Math.ceil(Math.max(1, length) / step) * step)
}
