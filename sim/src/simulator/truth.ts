import { snapshotHash, verdictBoundMs, type MembershipProfile } from '@shoal/membership'
import { planHash } from '@shoal/planner'
import { planOf } from './shared-planner.ts'
import type { SimulatedClient } from './client.ts'
import type { World } from './world.ts'

/**
 * Longest time that an observer may hold an ended incarnation alive. Its last beat may lie in a stopped link for nearly a
 * lease and count as new when the link returns.
 */
export function ghostBoundMs(profile: MembershipProfile): number {
  return profile.leaseMs + verdictBoundMs(profile)
}

/** `peer@incarnation` of everybody who is a member now. */
export function membersNow({ nodes }: World): string[] {
  return [...nodes.values()]
    .map(({ sketch, member }) => `${sketch.name}@${member.membership.incarnation}`)
    .sort()
}

/** Ghosts and missing peers in each node's view; empty when all views are right. */
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

/** Distinct pairs of snapshot hash and plan hash over all nodes. */
export function agreements({ nodes }: World): ReadonlySet<string> {
  return new Set(
    [...nodes.values()].map(
      ({ member }) => `${snapshotHash(member.membership.snapshot())} ${planHash(member.view.plan())}`,
    ),
  )
}

/** Number of nodes whose plans are recomputed; other nodes with equal snapshots are trusted. */
const replannedMax = 8

/** Nodes whose recomputed plan differs from the shared planner's. */
export function wrongPlans({ nodes, model }: World): string[] {
  return [...nodes].slice(-replannedMax).flatMap(([name, { member }]) => {
    const own = planOf(model, member.membership.snapshot())
    return planHash(own) === planHash(member.view.plan())
      ? []
      : [`the plan of ${name} differs from that of another node with the same snapshot`]
  })
}

/** Sessions, caches and journals that are left on nodes. */
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

/** Live nodes that hold each block in a client's view, except those left out. */
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

/** Whether every running and every new answer could still be finished without these peers. */
export function canSpare(world: World, peers: ReadonlySet<string>): boolean {
  const running = world.generations.filter(({ state }) => state === 'running')
  const sinceMs = Math.min(world.loop.clock.nowMs(), ...running.map(({ startMs }) => startMs))
  // A session does not use a lost peer again, even when that peer has recovered.
  const without = new Set([...world.book.impairedSince(sinceMs), ...peers])
  return [...world.clients.values()].every((client) =>
    holders(world, client, without).every((count) => count > 0),
  )
}
