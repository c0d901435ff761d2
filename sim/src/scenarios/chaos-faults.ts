import type { FaultKind } from '../simulator/fault-book.ts'
import type { World } from '../simulator/world.ts'
import { createFaultTools, type Mending } from './fault-tools.ts'
import { createStrikes } from './strikes.ts'

/** Random faults. Each strikes only where every answer can still be finished by peers that hold the same blocks. */
export interface Faults {
  /** Causes one fault, or none where none is allowed. */
  strike(kind: FaultKind): Promise<void>
  /** Ends the lasting faults whose time has come. */
  mend(): Promise<void>
  /** Ends all lasting faults. */
  mendAll(): Promise<void>
}

const someNodes = ({ nodes, random }: World): ReadonlySet<string> =>
  new Set([...nodes.keys()].filter(() => random.unit() < 0.35))

/** @param side chooses the nodes that a partition cuts off; by default each with a chance of a third */
export function createFaults(world: World, side = someNodes): Faults {
  const mendings: Mending[] = []
  const strikes = createStrikes(world, createFaultTools(world, mendings), side)
  const mendWhere = async (due: (mending: Mending) => boolean): Promise<void> => {
    for (const mending of mendings.filter(due)) {
      mendings.splice(mendings.indexOf(mending), 1)
      await mending.mend()
    }
  }
  return {
    strike: async (kind) => strikes[kind](),
    mend: () => mendWhere(({ atMs }) => atMs <= world.loop.clock.nowMs()),
    mendAll: () => mendWhere(() => true),
  }
}
