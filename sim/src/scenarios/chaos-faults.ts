import { corruptions, killPoints, type KillPoint } from '../simulator/frame-watch.ts'
import type { FaultKind } from '../simulator/fault-book.ts'
import { canSpare } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import { stages } from './topology.ts'

/** Random faults, each only where every answer can still be finished: by others that hold the same blocks. */
export interface Faults {
  /** Does something, or nothing when nothing may be done. */
  strike(kind: FaultKind): Promise<void>
  /** Ends what has come to its time. */
  mend(): Promise<void>
  /** Ends everything that lasts. */
  mendAll(): Promise<void>
}

const someNodes = ({ nodes, random }: World): ReadonlySet<string> =>
  new Set([...nodes.keys()].filter(() => random.unit() < 0.35))

interface Mending {
  readonly atMs: number
  mend(): void | Promise<void>
}

/** @param side whom a partition takes away; each with a chance of a third by default */
export function createFaults(world: World, side = someNodes): Faults {
  const { random, loop, book, links, watch, nodes, sketches } = world
  const mendings: Mending[] = []
  let parted = false

  const between = (low: number, high: number): number => low + random.unit() * (high - low)
  const pick = <Item>(items: readonly Item[]): Item | undefined =>
    items[Math.floor(random.unit() * items.length)]
  const later = (afterMs: number, mend: Mending['mend']): void =>
    void mendings.push({ atMs: loop.clock.nowMs() + afterMs, mend })
  const spare = (peer: string): boolean => canSpare(world, new Set([peer]))
  /** Stages of answers first: whoever computes nothing is missed by nobody. */
  const victim = (): string | undefined => {
    const busy = stages(world).filter(spare)
    return pick(busy.length > 0 && random.unit() < 0.8 ? busy : [...nodes.keys()].filter(spare))
  }
  const kill = (peer: string, point?: KillPoint): void => {
    book.begin('kill', peer, point)
    world.kill(peer)
  }

  const strikes: Readonly<Record<FaultKind, () => void | Promise<void>>> = {
    kill() {
      const point: KillPoint | 'any time' = pick([...killPoints, 'any time'] as const) ?? 'any time'
      const peer = victim()
      if (peer === undefined) return
      if (point === 'any time') {
        kill(peer)
        return
      }
      const disarm = watch.arm({
        point,
        // Whoever takes the place of a lost stage is not known before.
        victim: point === 'in-replay' ? null : peer,
        fire(at) {
          if (!nodes.has(at) || !spare(at)) return false
          kill(at, point)
          return true
        },
      })
      later(5000, disarm)
      // A replay needs a loss.
      if (point === 'in-replay') kill(peer)
    },
    async restart() {
      const name = pick([...sketches.keys()].filter((sketch) => !nodes.has(sketch)))
      if (name === undefined) return
      book.note('restart')
      await world.start(name)
      // Its new life begins without the old one's sessions; those that lost it do not come back.
      book.end(name)
    },
    leave() {
      const peer = victim()
      if (peer === undefined || nodes.get(peer)?.life.state !== 'running') return
      book.begin('leave', peer)
      world
        .leave(peer)
        .catch((error: unknown) => world.rules.violate(`${peer} could not leave: ${String(error)}`))
    },
    hang() {
      const peer = victim()
      if (peer === undefined || nodes.get(peer)?.life.state !== 'running') return
      book.begin('hang', peer)
      world.stop(peer)
      const life = nodes.get(peer)?.life
      later(between(300, 14_000), () => {
        if (nodes.get(peer)?.life !== life) return
        world.resume(peer)
        book.end(peer)
      })
    },
    partition() {
      if (parted) return
      const apart = side(world)
      if (apart.size === 0 || !canSpare(world, apart)) return
      parted = true
      for (const peer of apart) book.begin('partition', peer)
      world.trace.add(`parted: ${[...apart].join(' ')}`)
      links.part(apart, random.unit() < 0.5 ? 'cut' : 'stop')
      later(between(500, 8000), () => {
        parted = false
        links.rejoin()
        for (const peer of apart) if (nodes.get(peer)?.life.state === 'running') book.end(peer)
      })
    },
    slow() {
      const peer = victim()
      const node = peer === undefined ? undefined : nodes.get(peer)
      if (peer === undefined || node === undefined) return
      book.begin('slow', peer)
      if (random.unit() < 0.5) node.slowness = between(2, 30)
      else links.slow(peer, between(5, 120))
      later(between(500, 6000), () => {
        node.slowness = 1
        links.slow(peer, 0)
        if (nodes.get(peer) === node && node.life.state === 'running') book.end(peer)
      })
    },
    corrupt() {
      const peer = pick(stages(world).filter(spare))
      const how = pick(corruptions)
      if (peer === undefined || how === undefined) return
      const disarm = watch.corrupt(peer, how, () => book.begin('corrupt', peer))
      later(3000, () => {
        disarm()
        if (nodes.get(peer)?.life.state === 'running') book.end(peer)
      })
    },
  }

  const mendWhere = async (due: (mending: Mending) => boolean): Promise<void> => {
    const now = mendings.filter(due)
    for (const mending of now) {
      mendings.splice(mendings.indexOf(mending), 1)
      await mending.mend()
    }
  }

  return {
    strike: async (kind) => strikes[kind](),
    mend: () => mendWhere(({ atMs }) => atMs <= loop.clock.nowMs()),
    mendAll: () => mendWhere(() => true),
  }
}
