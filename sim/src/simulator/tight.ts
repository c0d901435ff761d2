import { holders } from './truth.ts'
import type { World } from './world.ts'

/** Virtual time between two checks of coverage. */
const lookMs = 50

/** A node with sessions that is the only holder of one of its blocks, as the first client sees it. */
export function onlyHolder(world: World): string | undefined {
  const [client] = world.clients.values()
  if (client === undefined) return undefined
  return [...world.nodes].find(
    ([name, { member }]) =>
      member.stageHost.sessions() > 0 && holders(world, client, new Set([name])).includes(0),
  )?.[0]
}

/** Whether every client knows a live holder of every block. */
export function isCovered(world: World): boolean {
  return [...world.clients.values()].every((client) =>
    holders(world, client, new Set()).every((count) => count > 0),
  )
}

/** Waits until every block is served. @returns milliseconds it took; null when it took longer than `withinMs` */
export async function coveredAgainMs(world: World, withinMs: number): Promise<number | null> {
  const { loop } = world
  const startMs = loop.clock.nowMs()
  while (!isCovered(world)) {
    if (loop.clock.nowMs() - startMs >= withinMs) return null
    await loop.run(lookMs)
  }
  return loop.clock.nowMs() - startMs
}
