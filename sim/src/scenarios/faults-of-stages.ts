import { corruptions, type Corruption, type KillPoint } from '../simulator/frame-watch.ts'
import { form } from '../simulator/calm.ts'
import { holders, leftovers } from '../simulator/truth.ts'
import { memoryFor, type World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { answerWhile, finished, must, request, someStage } from './telling.ts'
import { stages } from './topology.ts'

const prompt = 12
const answer = 32

/** Kills a stage at an exact point of a step, and checks that the survivors compute nothing twice. */
function killAt(point: KillPoint, promptTokens = prompt): (world: World) => Promise<void> {
  return async (world) => {
    await form(world, ['c0'])
    let killed = ''
    const arm = (): void => {
      const victim = someStage(world)
      world.watch.arm({
        point,
        victim,
        fire(peer) {
          killed = peer
          world.book.begin('kill', peer, point)
          world.kill(peer)
          return true
        },
      })
    }
    const generation = await world.ask('c0', request(world, promptTokens, answer))
    if (point === 'in-prefill') await world.loop.until(() => stages(world).length > 1, 5000)
    else await world.loop.until(() => generation.tokens.length >= 5, 60_000)
    arm()
    await finished(world, generation)
    must(world, killed !== '', `no stage was killed ${point}`)
    must(world, generation.failovers === 1, `${generation.failovers} failovers after one kill`)
    for (const [name, { device }] of world.nodes) {
      const needed = promptTokens + answer - 1
      must(
        world,
        device.rows === 0 || device.rows === needed,
        `${name} computed ${device.rows} rows of an answer that needs ${needed}`,
      )
    }
  }
}

async function replacementDiesToo(world: World): Promise<void> {
  // Three nodes for each half of the blocks.
  for (const [index, sketch] of [...world.sketches.values()].entries())
    world.add({ ...sketch, blocks: index % 2 === 0 ? [0, 4] : [4, 8] })
  await form(world, ['c0'], 3)
  let replacement: string | null = null
  const generation = await answerWhile(world, 8, () => {
    const victim = someStage(world)
    world.watch.arm({
      point: 'in-replay',
      victim: null,
      fire(peer) {
        replacement = peer
        world.book.begin('kill', peer, 'in-replay')
        world.kill(peer)
        return true
      },
    })
    world.book.begin('kill', victim)
    world.kill(victim)
  })
  must(world, replacement !== null, 'no replacement was in replay')
  must(
    world,
    generation.state === 'done' && world.measures.detectionMs.length >= 2,
    'the second loss was not noticed',
  )
}

async function hung(world: World): Promise<void> {
  await form(world, ['c0'])
  const generation = await answerWhile(world, 8, () => {
    const victim = someStage(world)
    world.book.begin('hang', victim)
    world.stop(victim)
    world.loop.clock.after(20_000, () => world.resume(victim))
  })
  must(world, generation.failovers === 1, `${generation.failovers} failovers of one hang`)
  // The step deadline of one second, the pings, and the round trips to the stages.
  must(
    world,
    world.measures.detectionMs.every((ms) => ms >= 1000 && ms <= 2500),
    `noticed after ${world.measures.detectionMs.join(' ')} ms`,
  )
  await world.loop.run(25_000)
}

/** Three nodes with room for half of the blocks each: one half has a single holder, and one of the others must load it. */
async function onlyHolderDies(world: World): Promise<void> {
  for (const sketch of world.sketches.values())
    world.add({ ...sketch, memoryBytes: memoryFor(4, world.model) })
  await form(world, ['c0'], 1)
  await world.loop.run(5000)
  const client = world.clients.get('c0')!
  const lone = [...world.nodes.keys()].find((name) => holders(world, client, new Set([name])).includes(0))
  if (lone === undefined) throw new Error('every block has two holders')
  const startMs = world.loop.clock.nowMs()
  const generation = await answerWhile(
    world,
    8,
    () => {
      world.book.begin('kill', lone)
      world.kill(lone)
    },
    { mayFail: true },
  )
  must(
    world,
    generation.state === 'done' || ['no-route', 'peer-vanished'].includes(generation.error?.code ?? ''),
    `it ended with ${generation.error?.code}: ${generation.error?.message}`,
  )
  must(world, world.loop.clock.nowMs() - startMs < 60_000, 'it took a minute to say so')
  must(
    world,
    await world.loop.until(() => client.view.coverage().every((count) => count > 0), 60_000),
    'no node loads the lost blocks',
  )
  must(
    world,
    (await finished(world, await world.ask('c0', request(world)))).state === 'done',
    'the next answer fails',
  )
}

/** A stage stays broken. It alone is replaced, and the next answer does not use it. */
function spoiltRows(how: Corruption): (world: World) => Promise<void> {
  return async (world) => {
    await form(world, ['c0'])
    let victim = ''
    const generation = await answerWhile(world, 8, () => {
      victim = someStage(world)
      world.book.begin('corrupt', victim)
      world.watch.corrupt(victim, how, () => undefined, true)
    })
    // An undecodable frame ends the channel, so that the stage at its other end is suspected too.
    must(
      world,
      generation.failovers >= 1 && generation.failovers <= (how === 'garbage' ? 2 : 1),
      `${generation.failovers} failovers because of one broken stage`,
    )
    const rows = world.nodes.get(victim)?.device.rows
    must(
      world,
      (await finished(world, await world.ask('c0', request(world)))).failovers === 0,
      'the next answer asked the broken stage again',
    )
    must(world, world.nodes.get(victim)?.device.rows === rows, 'the broken stage computed again')
  }
}

/** A stage drains. It or its successor computes each row, never both. */
async function drains(world: World): Promise<void> {
  await form(world, ['c0'])
  const before = new Map([...world.nodes].map(([name, { device }]) => [name, device]))
  let victim = ''
  let left: Promise<void> = Promise.resolve()
  const generation = await answerWhile(world, 8, () => {
    victim = someStage(world)
    world.book.begin('leave', victim)
    left = world.leave(victim)
  })
  must(
    world,
    (await world.loop.within(left, 5000)) !== undefined && !world.nodes.has(victim),
    `${victim} has not gone 5 s after the answer`,
  )
  must(
    world,
    generation.failovers === 0 && generation.moves === 1,
    `${generation.failovers} failovers and ${generation.moves} moves`,
  )
  const rows = [...before.values()].reduce((sum, device) => sum + device.rows, 0)
  const needed =
    (prompt + answer - 1) *
    [...before.values()].filter((device) => device.rows === prompt + answer - 1).length
  must(
    world,
    rows - needed === prompt + answer - 1,
    `nodes computed ${[...before.values()].map((device) => device.rows).join(', ')} rows of an answer that needs ${prompt + answer - 1}`,
  )
}

async function clientGoesAway(world: World): Promise<void> {
  await form(world, ['c0'])
  await answerWhile(world, 8, (generation) => generation.abandon())
  must(
    world,
    await world.loop.until(() => leftovers(world).length === 0, 1000),
    `a second after the client went: ${leftovers(world).join('; ')}`,
  )
}

async function coordinatorDies(world: World): Promise<void> {
  await form(world, ['c0', 'c1'])
  const other = await world.ask('c1', request(world, prompt, 120))
  await answerWhile(world, 8, () => world.killClient('c0'))
  await finished(world, other)
  must(world, other.failovers === 0, 'the death of one client disturbed another')
  must(
    world,
    await world.loop.until(() => leftovers(world).length === 0, 11_000),
    `after the grace: ${leftovers(world).join('; ')}`,
  )
}

const lan = { topology: 'lan', nodes: 6, nodesMin: 5 }

/** Faults F1 to F4, F6 to F8, F15 and F17, of stages and clients in mid-answer. */
export const stageFaults: readonly Scenario[] = [
  {
    ...lan,
    name: 'F1-kill-before-answer',
    about: 'a stage dies in decode, before it answers',
    play: killAt('before-answer'),
  },
  {
    ...lan,
    name: 'F2-kill-after-push',
    about: 'a stage dies when its rows have arrived at the next one',
    play: killAt('after-push'),
  },
  {
    ...lan,
    name: 'F2-kill-in-flight',
    about: 'a stage dies while a row is on its way to it',
    play: killAt('in-flight'),
  },
  {
    ...lan,
    name: 'F3-kill-in-prefill',
    about: 'a stage dies while it computes a chunk of the prompt',
    play: killAt('in-prefill', 180),
  },
  {
    ...lan,
    name: 'F4-kill-in-replay',
    about: 'the replacement dies too, in its replay',
    nodesMin: 6,
    play: replacementDiesToo,
  },
  {
    ...lan,
    name: 'F6-only-holder',
    about: 'the only holder of half the blocks dies; one of two that hold the rest must load them',
    nodes: 3,
    nodesMin: 3,
    play: onlyHolderDies,
  },
  { ...lan, name: 'F7-hang', about: 'a stage stops for 20 s, its connections stay open', play: hung },
  ...corruptions.map((how) => ({
    ...lan,
    name: `F8-${how}`,
    about: `a stage sends rows that are ${how}, and goes on doing so`,
    nodes: 8,
    play: spoiltRows(how),
  })),
  { ...lan, name: 'drain', about: 'a stage leaves in mid-answer and hands its cache over', play: drains },
  { ...lan, name: 'F15-client-goes', about: 'a client gives up in mid-answer', play: clientGoesAway },
  {
    ...lan,
    name: 'F17-coordinator-dies',
    about: 'a client dies in mid-answer, another one does not notice',
    play: coordinatorDies,
  },
]
