import type { Clock } from '@shoal/host'
import { SuffixDrafter, type Speculation } from '@shoal/session'

/** The drafts of one answer. */
export interface Drafting {
  /** What `generateTokens` takes; nothing where tokens are not drafted. */
  readonly options: { readonly speculation?: Speculation }
  /** For the answer's result. */
  readonly counts: { readonly drafted: number; readonly accepted: number }
}

export function createDrafting({
  clock,
  speculates = false,
}: {
  readonly clock: Clock
  readonly speculates?: boolean
}): Drafting {
  let counts = { drafted: 0, accepted: 0 }
  const speculation: Speculation = {
    drafter: new SuffixDrafter(),
    clock,
    onCount: (drafted, accepted) => void (counts = { drafted, accepted }),
  }
  return {
    options: speculates ? { speculation } : {},
    get counts() {
      return counts
    },
  }
}
