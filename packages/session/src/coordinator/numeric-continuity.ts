import type { OpenStage } from './opening/opening-stages.ts'

/** Which numeric class computes each block of a session, and whether that has ever changed. */
export interface ClassRecord {
  /** The stages of a route from now on. */
  add(stages: readonly OpenStage[]): void
  /** `identical` while every block was taken over by whoever agrees bit for bit with the one before, or stayed where it was. */
  readonly continuity: 'identical' | 'continued'
  /** Of each block, the class it was computed in last. */
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
          // Who goes on has what it computed, unless it is a group no more, or another one.
          if (before === undefined || (before.peer === stage.peer && before.numericClass === numericClass))
            continue
          // Of class `none` nothing is promised, not even that a peer agrees with itself.
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
