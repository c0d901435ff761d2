import { sessionTimes } from '@shoal/session'
import { agreements, ghostBoundMs, holders, leftovers, membersNow, wrongPlans, wrongViews } from './truth.ts'
import type { World } from './world.ts'

/** A swarm that has just been started has found its places by then: who wants to move waits for a quiet moment, and tries again. */
const formingMsMax = 120_000
/** How often is looked whether something holds that takes time to compute. */
const stepMs = 250
/** Answers end within this once nothing disturbs them any more: a step's deadline and its extensions, some times over. */
const answersMsMax = 60_000

export interface Layout {
  /** Of how many others each node is given the address; of all by default. */
  readonly addresses?: number
  /** Where each client is; at the first site by default. */
  clientSite?(client: number): number
}

/** Starts everybody, each with the addresses of those before it, then the clients, and waits until each block has `copies` holders that every client knows. */
export async function form(
  world: World,
  clients: readonly string[],
  copies = 2,
  layout: Layout = {},
): Promise<void> {
  for (const name of world.sketches.keys()) {
    await world.start(name)
    world.meet(name, layout.addresses)
    await world.loop.run(5)
  }
  for (const [index, name] of clients.entries()) await world.addClient(name, layout.clientSite?.(index))
  const ready = (): boolean =>
    [...world.clients.values()].every((client) =>
      holders(world, client, new Set()).every((count) => count >= copies),
    )
  if (!(await untilBySteps(world, ready, formingMsMax)))
    world.rules.violate(
      `after ${formingMsMax} ms not every block has ${copies} holders: ${JSON.stringify([...world.nodes].map(([name, { member }]) => [name, member.keeper.held()]))}`,
    )
}

/** What must come to hold once nothing is done to a swarm any more. */
export async function becomeCalm(world: World): Promise<void> {
  const { loop, rules, topology, generations } = world
  await loop.until(() => generations.every(({ state }) => state !== 'running'), answersMsMax)
  for (const { client, startMs, tokens, expected, state } of generations) {
    if (state === 'running')
      rules.violate(
        `${client}: the answer begun at ${startMs} ms has ${tokens.length} of ${expected.length} tokens ${answersMsMax} ms after the last disturbance`,
      )
  }
  const agreed = (): boolean => wrongViews(world).length === 0 && agreements(world).size === 1
  const boundMs = ghostBoundMs(topology.profile) + topology.profile.leaseMs
  if (!(await untilBySteps(world, agreed, boundMs))) {
    const [wrong] = wrongViews(world)
    rules.violate(
      `after ${boundMs} ms of calm ${wrong ?? `there are ${agreements(world).size} views of ${membersNow(world).length} members`}`,
    )
  }
  for (const wrong of wrongPlans(world)) rules.violate(wrong)
  // A client that is dead is noticed by its connection, or when its lease ends.
  if (
    !(await untilBySteps(
      world,
      () => leftovers(world).length === 0,
      sessionTimes.leaseMs + sessionTimes.graceMs,
    ))
  )
    for (const leftover of leftovers(world)) rules.violate(leftover)
}

/** Asking costs hashes and plans, so it is not asked after every event. */
async function untilBySteps(world: World, holds: () => boolean, withinMs: number): Promise<boolean> {
  const endMs = world.loop.clock.nowMs() + withinMs
  while (!holds()) {
    if (world.loop.clock.nowMs() >= endMs) return false
    await world.loop.run(stepMs)
  }
  return true
}
