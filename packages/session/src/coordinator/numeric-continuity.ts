import type { WireFormat } from '@shoal/protocol'
import type { OpenStage } from './opening/opening-stages.ts'

/** Records which numeric class computes each block of a session, and whether that has ever changed. */
export interface ClassRecord {
  /** Records the stages of a route version that has just been put into use. */
  add(stages: readonly OpenStage[]): void
  /**
   * `identical` while each block stayed where it was, or went to a peer of the same numeric class; where the wire rounds
   * hidden states, also only while the route is cut at the same blocks.
   */
  readonly continuity: 'identical' | 'continued'
  /** Whether no block is computed in class `none`, in which the bits of a row depend on the rows of its call. */
  readonly rowInvariant: boolean
  /** For each block, the numeric class that computed it last. */
  readonly byBlock: ReadonlyMap<number, string>
}

/** @param wire how hidden states travel: where that changes them, another cut of the route gives other bits */
export function createClassRecord(wire: WireFormat = 'f32'): ClassRecord {
  const holders = new Map<number, { readonly peer: string; readonly numericClass: string }>()
  let continuity: ClassRecord['continuity'] = 'identical'
  let cuts: string | null = null
  return {
    add(stages) {
      const cutsNow = stages.map(({ stage }) => stage.range.start).join()
      if (wire !== 'f32' && cuts !== null && cutsNow !== cuts) continuity = 'continued'
      cuts = cutsNow
      for (const { stage, numericClass } of stages) {
        for (let block = stage.range.start; block < stage.range.end; block += 1) {
          const before = holders.get(block)
          holders.set(block, { peer: stage.peer, numericClass })
          // A peer that keeps its block computes the same bits, unless its class changed because it now leads a group,
          // or another one.
          if (before === undefined || (before.peer === stage.peer && before.numericClass === numericClass))
            continue
          // Class `none` promises nothing, not even that one peer computes the same bits twice.
          if (before.numericClass !== numericClass || numericClass === 'none') continuity = 'continued'
        }
      }
    },
    get continuity() {
      return continuity
    },
    get rowInvariant() {
      return [...holders.values()].every(({ numericClass }) => numericClass !== 'none')
    },
    get byBlock() {
      return new Map([...holders].map(([block, { numericClass }]) => [block, numericClass]))
    },
  }
}
