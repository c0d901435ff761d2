import { snapshotHash, type MembershipProfile } from '@shoal/membership'
import { planHash } from '@shoal/planner'
import { planOf } from './shared-planner.ts'
import type { SimulatedClient } from './client.ts'
import type { World } from './world.ts'

/**
 * Most that an ended incarnation may be held alive: its last beat may lie in a stopped link for nearly a lease and count
 * as new when the link returns; then the next lease, the dial-back, and its grace when the next life answers it.
 */
export function ghostBoundMs({ leaseMs, dialBackMs, graceMs, beatIntervalMs }: MembershipProfile): number {
  return 2 * leaseMs + dialBackMs + graceMs + 2 * beatIntervalMs
}

/** `peer@incarnation` of everybody who is a member now. */
export function membersNow({ nodes }: World): string[] {
  return [...nodes.values()]
    .map(({ sketch, member }) => `${sketch.name}@${member.membership.incarnation}`)
    .sort()
}

/** What is wrong with what each node holds alive; empty when all is as it is. */
export function wrongViews(world: World): string[] {
  const truth = new Set(membersNow(world))
  return [...world.nodes].flatMap(([name, { member }]) => {
    const held = new Set(
      member.membership
        .members()
        .flatMap(({ record, liveness }) =>
          liveness === 'alive' ? [`${record.peerId}@${record.incarnation}`] : [],
        ),
    )
    const [ghosts, missing] = [
      [...held].filter((life) => !truth.has(life)),
      [...truth].filter((life) => !held.has(life)),
    ]
    return ghosts.length + missing.length === 0
      ? []
      : [`${name} holds ghosts [${ghosts.join(' ')}] and misses [${missing.join(' ')}]`]
  })
}

/** Distinct pairs of what is known and what is planned. */
export function agreements({ nodes }: World): ReadonlySet<string> {
  return new Set(
    [...nodes.values()].map(
      ({ member }) => `${snapshotHash(member.membership.snapshot())} ${planHash(member.view.plan())}`,
    ),
  )
}

/** Of these nodes each plan is made anew; of others the one of an equal snapshot is taken on trust. */
const replannedMax = 8

/** Nodes that would plan otherwise, each for itself, than they were told to. */
export function wrongPlans({ nodes, model }: World): string[] {
  return [...nodes].slice(-replannedMax).flatMap(([name, { member }]) => {
    const own = planOf(model, member.membership.snapshot())
    return planHash(own) === planHash(member.view.plan())
      ? []
      : [`${name} plans otherwise than another node with the same snapshot`]
  })
}

/** What sessions have left behind on nodes. */
export function leftovers({ nodes }: World): string[] {
  return [...nodes].flatMap(([name, { member, device }]) => {
    const { sessions, journalBytes, journalReservedBytes } = member.stageHost.memory()
    const caches = device.caches()
    if (
      sessions +
        journalBytes +
        journalReservedBytes +
        caches.sessions +
        caches.keyValueBytes +
        caches.reservedBytes ===
      0
    )
      return []
    return [
      `${name} still has ${sessions} sessions, ${caches.sessions} caches of ${caches.keyValueBytes} bytes and ${journalBytes} bytes of journals`,
    ]
  })
}

/** Live nodes that hold each block, as a client sees it, without those left out. */
export function holders(
  { model, nodes, links }: World,
  client: SimulatedClient,
  without: ReadonlySet<string>,
): number[] {
  const { blockCount } = model.manifest.manifest.config
  const counts = new Array<number>(blockCount).fill(0)
  for (const { record, liveness } of client.membership.members()) {
    const node = nodes.get(record.peerId)
    if (
      liveness !== 'alive' ||
      record.state !== 'serving' ||
      record.span === null ||
      without.has(record.peerId)
    )
      continue
    if (
      node === undefined ||
      node.life.state !== 'running' ||
      node.member.membership.incarnation !== record.incarnation ||
      !links.isOpen(client.name, record.peerId)
    )
      continue
    const held = node.member.keeper.held()
    if (held === null) continue
    for (
      let block = Math.max(held.start, record.span.start);
      block < Math.min(held.end, record.span.end);
      block += 1
    )
      counts[block] = (counts[block] ?? 0) + 1
  }
  return counts
}

/** Whether every answer under way, and every new one, could still be finished without these peers. */
export function canSpare(world: World, peers: ReadonlySet<string>): boolean {
  const running = world.generations.filter(({ state }) => state === 'running')
  const sinceMs = Math.min(world.loop.clock.nowMs(), ...running.map(({ startMs }) => startMs))
  // A session never asks a peer again that it has lost, though it may be well again.
  const without = new Set([...world.book.impairedSince(sinceMs), ...peers])
  return [...world.clients.values()].every((client) =>
    holders(world, client, without).every((count) => count > 0),
  )
}
