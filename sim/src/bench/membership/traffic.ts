import { snapshotHash } from '@shoal/membership'
import { createWorld, type World } from '@shoal/membership/testing'

/** Names as long as real peer ids, which make up most of the bytes. */
export function nameOf(index: number): string {
  return `12D3KooW${String(index).padStart(44, '0')}`
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => nameOf(index))

function agree(world: World, among: readonly string[]): boolean {
  if (!among.every((name) => world.alive(name).length === among.length)) return false
  return (
    new Set(among.map((name) => snapshotHash(world.inhabitants.get(name)!.membership.snapshot()))).size === 1
  )
}

function livenessAt(world: World, observer: string, peer: string): string | undefined {
  return world.inhabitants
    .get(observer)
    ?.membership.members()
    .find(({ record }) => record.peerId === peer)?.liveness
}

/** All peers join at the first one's address; links delay by 1 ms in each direction. */
async function formSwarm(seed: number, count: number): Promise<{ world: World; names: string[] }> {
  const world = createWorld(seed)
  const names = namesOf(count)
  for (const [index, name] of names.entries()) await world.join(name, index === 0 ? undefined : names[0])
  await world.until(() => names.every((name) => world.alive(name).length === count), 60_000)
  return { world, names }
}

/**
 * Bytes beside the payload of one small frame: noise, yamux and the frame's head take 34 to the socket, TCP/IP with an
 * acknowledgement the rest. Measured between two libp2p transports.
 */
export const framingBytes = 134

/** Bytes that a peer sends in a second when nothing happens, framing included; the mean over all. */
export async function bytesAtRest(seed: number, count: number): Promise<number> {
  const { world, names } = await formSwarm(seed, count)
  const { network } = world
  const sent = (): number =>
    names.reduce(
      (sum, from) =>
        names.reduce(
          (part, to) =>
            from === to
              ? part
              : part + network.sentBytes(from, to) + framingBytes * network.sentFrames(from, to),
          sum,
        ),
      0,
    )
  // Peers measure and announce their links in the first half minute.
  await world.run(40_000)
  const before = sent()
  await world.run(60_000)
  const bytes = (sent() - before) / count / 60
  await world.close()
  return bytes
}

/** Two halves of 16 apart for 20 s: from the return of their links until all hold all alive, with one snapshot. */
export async function healMs(seed: number): Promise<number> {
  const { world, names } = await formSwarm(seed, 16)
  const [left, right] = [names.slice(0, 8), names.slice(8)]
  for (const a of left) for (const b of right) world.network.cut(a, b)
  await world.until(() => agree(world, left) && agree(world, right), 30_000)
  // The links return at another phase of the gossip turns in each round.
  await world.run(20_000 + ((seed * 173) % 1000))
  for (const a of left) for (const b of right) world.network.heal(a, b)
  const tookMs = await world.until(() => agree(world, names), 30_000)
  await world.close()
  return tookMs
}

/** From the end of one of 16 until all others hold it dead: killed, so that its connections break, or silent. */
export async function detectionMs(seed: number, how: 'killed' | 'silent'): Promise<number> {
  const { world, names } = await formSwarm(seed, 16)
  await world.run(5000 + seed * 137)
  const victim = names[5]!
  const rest = names.filter((name) => name !== victim)
  if (how === 'killed') await world.kill(victim)
  else {
    world.freeze(victim)
    for (const name of rest) world.network.stop(name, victim)
  }
  const tookMs = await world.until(
    () => rest.every((name) => livenessAt(world, name, victim) === 'dead'),
    60_000,
  )
  await world.close()
  return tookMs
}
