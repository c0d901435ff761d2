import type { KillPoint } from '../simulator/frame-watch.ts'
import { canSpare } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import { stages } from './topology.ts'

/** The end of a fault that lasts. */
export interface Mending {
  readonly atMs: number
  mend(): void | Promise<void>
}

/** Random choices of victims and times, and the list of faults that have to end. */
export interface FaultTools {
  readonly between: (low: number, high: number) => number
  readonly pick: <Item>(items: readonly Item[]) => Item | undefined
  readonly later: (afterMs: number, mend: Mending['mend']) => void
  /** Whether every answer can be finished without this peer. */
  readonly spare: (peer: string) => boolean
  /** @returns a peer that can be spared; mostly a stage of an answer, since the loss of an idle peer disturbs nobody */
  readonly victim: () => string | undefined
  readonly kill: (peer: string, point?: KillPoint) => void
}

export function createFaultTools(world: World, mendings: Mending[]): FaultTools {
  const { random, loop, book, nodes } = world
  const pick = <Item>(items: readonly Item[]): Item | undefined =>
    items[Math.floor(random.unit() * items.length)]
  const spare = (peer: string): boolean => canSpare(world, new Set([peer]))
  return {
    between: (low, high) => low + random.unit() * (high - low),
    pick,
    later: (afterMs, mend) => void mendings.push({ atMs: loop.clock.nowMs() + afterMs, mend }),
    spare,
    victim() {
      const busy = stages(world).filter(spare)
      return pick(busy.length > 0 && random.unit() < 0.8 ? busy : [...nodes.keys()].filter(spare))
    },
    kill(peer, point) {
      book.begin('kill', peer, point)
      world.kill(peer)
    },
  }
}
