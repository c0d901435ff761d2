import type { OpenStage } from './opening/opening-stages.ts'

/** Records which numeric class computes each block of a session, and whether that has ever changed. */
export interface ClassRecord {
  /** Takes the stages of the route that is in use from now on. */
  add(stages: readonly OpenStage[]): void
  /** `identical` while each block stayed where it was, or went to a peer of the same numeric class. */
  readonly continuity: 'identical' | 'continued'
  /** For each block, the numeric class that computed it last. */
  readonly byBlock: ReadonlyMap<number, string>
}

export function createClassRecord(): ClassRecord {
  const holders = new Map<number, { readonly peer: string; readonly numericClass: string }>()
  let continuity: ClassRecord['continuity'] = 'identical'
  return {
    add(stages) {
      for (const { stage, numericClass } of stages) {
        for (let block = stage.range.start; block < stage.range.end; block += 1) {
          const before = holders.get(block)
          holders.set(block, { peer: stage.peer, numericClass })
          // A peer that goes on keeps its bits, unless it has become a group, or another group.
          if (before === undefined || (before.peer === stage.peer && before.numericClass === numericClass))
            continue
          // Class `none` promises nothing, not even that two peers of it, or one peer twice, agree.
          if (before.numericClass !== numericClass || numericClass === 'none') continuity = 'continued'
        }
      }
    },
    get continuity() {
      return continuity
    },
    get byBlock() {
      return new Map([...holders].map(([block, { numericClass }]) => [block, numericClass]))
    },
  }
}
