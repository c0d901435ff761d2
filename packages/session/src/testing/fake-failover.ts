import { ShoalError } from '@shoal/host'
import type { FakeNode } from './fake-node.ts'
import { createFakeSwarm, type FakeSwarm } from './fake-swarm.ts'
import type { HiddenSession, Route, RouteFinder } from '../route/types.ts'

/** How spares may be cut; the route has three stages of two blocks. */
export const cutsOfSpares = [
  [0, 6],
  [0, 1, 3, 5, 6],
  [0, 2, 4, 6],
  [0, 1, 2, 3, 4, 5, 6],
]

/** Finds spans among nodes that live, the longest first; a node serves any part of what it holds. */
export function finderOf(swarm: FakeSwarm, spares: readonly FakeNode[]): RouteFinder {
  return {
    async find(range, exclude, { lost }) {
      const route: Route[number][] = []
      for (let reached = range.start; reached < range.end;) {
        const candidates = [...spares, ...swarm.nodes].filter(
          ({ peer, stage }) =>
            !exclude.has(peer) &&
            stage.incarnation > (lost.get(peer) ?? 0) &&
            stage.range.start <= reached &&
            reached < stage.range.end,
        )
        const node = candidates.sort((one, other) => other.stage.range.end - one.stage.range.end)[0]
        if (node === undefined) throw new ShoalError('no-route', `nobody has block ${reached}`)
        const end = Math.min(range.end, node.stage.range.end)
        route.push({ ...node.stage, range: { start: reached, end } })
        reached = end
      }
      return route
    },
  }
}

export interface FailoverBench {
  readonly swarm: FakeSwarm
  readonly spares: readonly FakeNode[]
  readonly session: HiddenSession
  readonly local: HiddenSession
}

/** Three stages of two blocks; spares cut as `cuts` says, `copies` times. */
export async function createFailoverBench(
  cuts: readonly number[] = [0, 6],
  copies = 1,
  change: { numericClass?: string; latencyMs?: number } = {},
): Promise<FailoverBench> {
  const swarm = createFakeSwarm({ latencyMs: change.latencyMs ?? 0 })
  const spares = Array.from({ length: copies }, (_, copy) =>
    cuts
      .slice(0, -1)
      .map((start, index) =>
        swarm.addNode(`spare-${copy}-${start}`, { start, end: cuts[index + 1]! }, change),
      ),
  ).flat()
  const session = await swarm.finished(swarm.open({ routes: finderOf(swarm, spares) }))
  return { swarm, spares, session, local: await swarm.openLocal() }
}

export const kill = (swarm: FakeSwarm, peer: string): void => swarm.network.kill(peer)

/** Its connections stay and say nothing any more. */
export function hangUp({ swarm, spares }: FailoverBench, peer: string): void {
  for (const other of ['coordinator', ...[...swarm.nodes, ...spares].map((node) => node.peer)])
    if (other !== peer) swarm.network.stop(peer, other)
}

/** Closes the session and names what is left of it, on nodes that are not `dead`. */
export async function leftBehind(
  { swarm, spares, session }: FailoverBench,
  dead: readonly string[],
): Promise<string[]> {
  await session.close()
  await swarm.advance(100)
  const alive = [...swarm.nodes, ...spares].filter(({ peer }) => !dead.includes(peer))
  return alive
    .filter(({ host, runner }) => host.sessions() + runner.memory().sessions + host.memory().journalBytes > 0)
    .map(({ peer }) => peer)
}
