import type { FaultKind } from '../simulator/fault-book.ts'
import { corruptions, killPoints, type KillPoint } from '../simulator/frame-watch.ts'
import { canSpare } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import type { FaultTools } from './fault-tools.ts'
import { stages } from './topology.ts'

type Strike = () => void | Promise<void>

/** @returns for each kind of fault the function that causes one, or does nothing where none is allowed */
export function createStrikes(
  world: World,
  tools: FaultTools,
  side: (world: World) => ReadonlySet<string>,
): Readonly<Record<FaultKind, Strike>> {
  return {
    kill: () => killSomebody(world, tools),
    restart: () => restartSomebody(world, tools),
    leave: () => askToLeave(world, tools),
    hang: () => stopForAWhile(world, tools),
    partition: createPartition(world, tools, side),
    slow: () => slowDown(world, tools),
    corrupt: () => corruptFrames(world, tools),
  }
}

function killSomebody({ watch, nodes }: World, { pick, victim, kill, spare, later }: FaultTools): void {
  const point: KillPoint | 'any time' = pick([...killPoints, 'any time'] as const) ?? 'any time'
  const peer = victim()
  if (peer === undefined) return
  if (point === 'any time') {
    kill(peer)
    return
  }
  const disarm = watch.arm({
    point,
    // The peer that takes the place of a lost stage is not known before the loss.
    victim: point === 'in-replay' ? null : peer,
    fire(at) {
      if (!nodes.has(at) || !spare(at)) return false
      kill(at, point)
      return true
    },
  })
  later(5000, disarm)
  // A replay happens only after a loss.
  if (point === 'in-replay') kill(peer)
}

async function restartSomebody(world: World, { pick }: FaultTools): Promise<void> {
  const { sketches, nodes, book } = world
  const name = pick([...sketches.keys()].filter((sketch) => !nodes.has(sketch)))
  if (name === undefined) return
  book.note('restart')
  await world.start(name)
  // The new life has none of the old one's sessions; sessions that lost the old life do not return to it.
  book.end(name)
}

function askToLeave(world: World, { victim }: FaultTools): void {
  const peer = victim()
  if (peer === undefined || world.nodes.get(peer)?.life.state !== 'running') return
  world.book.begin('leave', peer)
  world
    .leave(peer)
    .catch((error: unknown) => world.rules.violate(`${peer} could not leave: ${String(error)}`))
}

function stopForAWhile(world: World, { victim, later, between }: FaultTools): void {
  const { nodes, book } = world
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
}

/** Causes partitions, one at a time. */
function createPartition(
  world: World,
  { later, between }: FaultTools,
  side: (world: World) => ReadonlySet<string>,
): Strike {
  const { book, links, nodes, trace, random } = world
  let parted = false
  return () => {
    if (parted) return
    const apart = side(world)
    if (apart.size === 0 || !canSpare(world, apart)) return
    parted = true
    for (const peer of apart) book.begin('partition', peer)
    trace.add(`parted: ${[...apart].join(' ')}`)
    links.part(apart, random.unit() < 0.5 ? 'cut' : 'stop')
    later(between(500, 8000), () => {
      parted = false
      links.rejoin()
      for (const peer of apart) if (nodes.get(peer)?.life.state === 'running') book.end(peer)
    })
  }
}

function slowDown({ nodes, book, links, random }: World, { victim, between, later }: FaultTools): void {
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
}

function corruptFrames(world: World, { pick, spare, later }: FaultTools): void {
  const { book, nodes, watch } = world
  const peer = pick(stages(world).filter(spare))
  const how = pick(corruptions)
  if (peer === undefined || how === undefined) return
  const disarm = watch.corrupt(peer, how, () => book.begin('corrupt', peer))
  later(3000, () => {
    disarm()
    if (nodes.get(peer)?.life.state === 'running') book.end(peer)
  })
}
