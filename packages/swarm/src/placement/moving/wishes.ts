import type { Membership } from '@shoal/membership'
import { blocksThatFit, defaultContextTokens, type GroupOf, type Placement } from '@shoal/planner'
import type { SwarmView } from '../../view/swarm-view.ts'
import { sameHolding, type Holding } from '../holding.ts'
import { wantedBy } from '../wanted.ts'
import { chooseGapMovers } from './gap-movers.ts'

export interface WishesDependencies {
  readonly selfId: string
  readonly membership: Pick<Membership, 'members'>
  readonly view: Pick<SwarmView, 'plan' | 'costs' | 'permille'>
  /** What this node holds now. */
  readonly held: () => Holding | null
  /** Exactly these blocks, whatever the plan says; null where the plan decides. */
  readonly fixed: Holding | null
}

/** What the plan of the present moment wants of this node. Reads only. */
export class Wishes {
  readonly #dependencies: WishesDependencies

  constructor(dependencies: WishesDependencies) {
    this.#dependencies = dependencies
  }

  /** The plan's placements, with idle nodes first for the blocks that nobody serves. */
  placements(): readonly Placement[] {
    const { membership, view } = this.#dependencies
    const contextTokens = Math.min(defaultContextTokens, view.costs.contextLength)
    return chooseGapMovers(view.plan().placements, membership.members(), (memoryBytes) =>
      blocksThatFit(memoryBytes, view.costs, contextTokens),
    )
  }

  wanted(): Holding | null {
    const { fixed, selfId, membership, view, held } = this.#dependencies
    const plan = { placements: this.placements(), apart: view.plan().apart }
    return fixed ?? wantedBy(plan, selfId, held(), membership.members())
  }

  isWanted(span: Holding): boolean {
    const now = this.wanted()
    return now !== null && sameHolding(now, span)
  }

  /** Bytes of the weights that this node would load for a span; of a group, those of its own share. */
  weightBytes(span: Holding): number {
    const { costs } = this.#dependencies.view
    return Math.ceil((span.end - span.start) * costs.blockBytes * this.#share(span.group))
  }

  /** Whether a rank of the group that this node leads is leaving. */
  rankLeaves(held: Holding | null): boolean {
    return (
      held?.group !== undefined &&
      this.#dependencies.membership
        .members()
        .some(
          ({ record }) => record.state === 'draining' && held.group?.ranks.includes(record.peerId) === true,
        )
    )
  }

  #share(group: GroupOf | undefined): number {
    if (group === undefined) return 1
    return (this.#dependencies.view.permille(group.speeds)?.[0] ?? 1000) / 1000
  }
}
