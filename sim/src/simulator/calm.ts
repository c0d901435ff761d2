import { sessionTimes } from '@shoal/session'
import { agreements, ghostBoundMs, holders, leftovers, membersNow, wrongPlans, wrongViews } from './truth.ts'
import type { World } from './world.ts'

/** Time limit for a new swarm to hold all blocks. It is long, since a node that wants to move waits for a quiet moment. */
const formingMsMax = 120_000
/** Virtual time between two evaluations of a condition that is expensive to compute. */
const stepMs = 250
/** Answers end within this time after the last disturbance: some step deadlines with their extensions. */
const answersMsMax = 60_000

export interface Layout {
  /** How many other nodes' addresses each node gets; all by default. */
  readonly addresses?: number
  /** Site of each client; the first by default. */
  clientSite?(client: number): number
}

/**
 * Starts all nodes, each with the addresses of those before it, then the clients, and waits until each block has `copies`
 * holders that every client knows.
 */
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

/** Checks that the swarm becomes calm after the last fault: answers end, views and plans agree, sessions are closed. */
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
  // Nodes notice a dead client by its closed connection, or when its lease ends.
  if (
    !(await untilBySteps(
      world,
      () => leftovers(world).length === 0,
      sessionTimes.leaseMs + sessionTimes.graceMs,
    ))
  )
    for (const leftover of leftovers(world)) rules.violate(leftover)
}

/** Evaluates `holds` in steps and not after every event, since it computes hashes and plans. */
async function untilBySteps(world: World, holds: () => boolean, withinMs: number): Promise<boolean> {
  const endMs = world.loop.clock.nowMs() + withinMs
  while (!holds()) {
    if (world.loop.clock.nowMs() >= endMs) return false
    await world.loop.run(stepMs)
  }
  return true
}
