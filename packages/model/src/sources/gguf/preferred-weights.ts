import { keptInEightBits } from '../../packing/quantising/repack-blocks.ts'
import { isBlockType, type StoredType } from '../stored-types.ts'
import type { GgufHeader } from './header.ts'

/** Embedding and head, of which quantised files often keep more bits. */
const outer = new Set(['token_embd.weight', 'output.weight'])

/**
 * The `--weights` that keeps what a quantised file holds: unchanged where a format of ours can hold its codes, and as
 * `int8:128` otherwise, which adds 1 to 4% to the KL divergence. Rounding Q4_K to int4 once more would double it
 * (docs/models.md).
 *
 * @returns null for a file without quantised blocks, whose weights are packed like those of any float model
 */
export function weightsThatKeep(headers: readonly GgufHeader[]): string | null {
  const [blocks, head] = [new Set<StoredType>(), new Set<StoredType>()]
  for (const { tensors } of headers) {
    for (const [name, { type }] of tensors) {
      if (name.startsWith('blk.') && isBlockType(type)) blocks.add(type)
      if (outer.has(name)) head.add(type)
    }
  }
  if (blocks.size === 0) return null
  const [all, ofHead] = [formatThatKeeps(blocks), formatThatKeeps(head)]
  return all === ofHead ? all : `${all}+head-${ofHead}`
}

function formatThatKeeps(types: ReadonlySet<StoredType>): string {
  if ([...types].every((type) => type === 'Q4_0')) return 'int4:32'
  return [...types].every(keptInEightBits) ? 'int8:32' : 'int8:128'
}
