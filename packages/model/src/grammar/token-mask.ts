/** A set of tokens, one bit for each: bit `id % 32` of word `id / 32`. Tokens behind its end do not belong to it. */
export type TokenMask = Int32Array

export function maskOf(tokenIds: Iterable<number>, vocabularySize: number): TokenMask {
  const mask = new Int32Array(Math.ceil(vocabularySize / 32))
  for (const id of tokenIds) mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31))
  return mask
}

/** Ids in ascending order. */
export function idsOf(mask: TokenMask): number[] {
  const ids: number[] = []
  mask.forEach((word, index) => {
    for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) === 1) ids.push(32 * index + bit)
  })
  return ids
}

/** Writes the logits of the tokens of `mask` into `row`, and -Infinity for all others. */
export function maskLogits(logits: Float32Array, mask: TokenMask, row: Float32Array): void {
  row.fill(-Infinity)
  for (let index = 0; index < mask.length; index++) {
    const word = mask[index] as number
    if (word === 0) continue
    const start = 32 * index
    const end = Math.min(start + 32, row.length)
    for (let id = start; id < end; id++)
      if (((word >>> (id - start)) & 1) === 1) row[id] = logits[id] as number
  }
}
