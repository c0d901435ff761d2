import type { BlockSpec } from '@shoal/model'
import { rowPaddings, type RowPadding } from '../computers/row-padding.ts'

/** How rows must be padded for each kind of block; null where no padding makes rows independent of their grouping. */
export interface RowVerdicts {
  /**
   * Probes the kinds of blocks that were not probed before. @param index of the block in the span
   * @param formatsOf what tells blocks of one kind apart whose matrices have other formats; they share the strongest verdict
   */
  find(
    blocks: readonly BlockSpec[],
    probe: (spec: BlockSpec, index: number) => RowPadding | null,
    formatsOf?: (index: number) => string,
  ): void
  /** The padding to compute a block with: the strongest one where the probe found none. */
  readonly paddingOf: (spec: BlockSpec) => RowPadding
  /** The verdict over several blocks: null when one has none, else the strongest. */
  over(blocks: readonly BlockSpec[]): RowPadding | null
}

/** Kernels depend on shapes and formats, so blocks with equal specs share a verdict, whichever span they are in. */
export function createRowVerdicts(): RowVerdicts {
  const verdicts = new Map<string, RowPadding | null>()
  const probed = new Set<string>()
  const keyOf = (spec: BlockSpec): string => JSON.stringify(spec)
  const verdictOf = (spec: BlockSpec): RowPadding | null => {
    const verdict = verdicts.get(keyOf(spec))
    if (verdict === undefined) throw new Error('this kind of block has not been probed')
    return verdict
  }
  return {
    find(blocks, probe, formatsOf = () => '') {
      for (const [index, spec] of blocks.entries()) {
        const kind = `${keyOf(spec)} ${formatsOf(index)}`
        if (probed.has(kind)) continue
        probed.add(kind)
        const verdict = probe(spec, index)
        const known = verdicts.get(keyOf(spec))
        verdicts.set(keyOf(spec), known === undefined ? verdict : strongestOf([known, verdict]))
      }
    },
    paddingOf: (spec) => verdictOf(spec) ?? 'even',
    over(blocks) {
      return strongestOf(blocks.map(verdictOf))
    },
  }
}

/** Rows that need no padding keep their bits with any. */
function strongestOf(verdicts: readonly (RowPadding | null)[]): RowPadding | null {
  const strongest = Math.max(
    ...verdicts.map((padding) => (padding === null ? -1 : rowPaddings.indexOf(padding))),
  )
  return verdicts.includes(null) ? null : (rowPaddings[strongest] ?? null)
}
