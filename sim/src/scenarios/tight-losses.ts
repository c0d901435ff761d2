import type { GenerateRequest } from '@shoal/swarm'
import { form } from '../simulator/calm.ts'
import { coveredAgainMs, onlyHolder } from '../simulator/tight.ts'
import type { World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { answerWhile, finished, must, request } from './telling.ts'

/** Longest time from a loss until every block is served again: a quiet moment of 3 s, and a load. */
const gapMsMax = 6_000

/** The only holder of a range dies in mid-answer; the answer's other stage and an idle copy of it are left. */
async function onlyHolderDies(world: World): Promise<void> {
  await form(world, ['c0'], 1)
  await world.loop.run(5000)
  const generation = await answerWhile(world, 8, async () => {
    const victim = onlyHolder(world)
    must(world, victim !== undefined, 'no stage is the only holder of its blocks')
    if (victim === undefined) return
    const busy = [...world.nodes]
      .filter(([name, { member }]) => name !== victim && member.stageHost.sessions() > 0)
      .map(([name]) => name)
    world.book.begin('kill', victim)
    world.kill(victim)
    const gapMs = await coveredAgainMs(world, gapMsMax)
    must(world, gapMs !== null, `a block is still unserved ${gapMsMax} ms after ${victim} was killed`)
    const moved = world.happenings.findLast(({ event }) => event.event === 'blocks-changed')?.node
    must(world, moved !== undefined && !busy.includes(moved), `${moved} moved, which had a session`)
  })
  must(world, generation.failovers === 1, `${generation.failovers} stages were replaced instead of one`)
  await finished(world, await world.ask('c0', request(world)))
}

/** An answer that lasts for seconds: sampled, so that it does not repeat itself and hardly any draft of it is right. */
function longRequest(world: World): GenerateRequest {
  const asked = request(world, 12, 200)
  return { ...asked, sampling: { ...asked.sampling, temperature: 1 } }
}

/** Like `onlyHolderDies`, but both survivors have sessions that cannot continue: one of them gives its own up and moves. */
async function everybodyIsBusy(world: World): Promise<void> {
  await form(world, ['c0', 'c1'], 1)
  await world.loop.run(5000)
  const first = await world.ask('c0', longRequest(world))
  // Beats announce load, so that a further answer prefers the idle copy. It is tried first when others have served before.
  await world.loop.run(1500)
  const answers = [first]
  const allBusy = (): boolean =>
    [...world.nodes.values()].every(({ member }) => member.stageHost.sessions() > 0)
  for (let turn = 0; turn < 3 && !allBusy(); turn += 1) {
    answers.push(await world.ask('c1', longRequest(world)))
    await world.loop.run(1000)
  }
  must(world, allBusy(), 'a node has no session')
  const victim = onlyHolder(world)
  must(world, victim !== undefined, 'no stage is the only holder of its blocks')
  if (victim !== undefined) {
    world.book.begin('kill', victim)
    world.kill(victim)
    const gapMs = await coveredAgainMs(world, gapMsMax)
    must(world, gapMs !== null, `a block is still unserved ${gapMsMax} ms after ${victim} was killed`)
  }
  for (const generation of answers) await finished(world, generation)
}

const tight = { topology: 'tight', model: 'heavy', nodes: 3, nodesMin: 3 } as const

/** Faults F21 and F22: there is no room beside what is held, and the only holder of a range dies. */
export const tightLosses: readonly Scenario[] = [
  {
    ...tight,
    name: 'F21-only-holder-dies',
    about: 'the only holder of a range dies in mid-answer; an idle copy of the other range moves at once',
    play: onlyHolderDies,
  },
  {
    ...tight,
    name: 'F22-everybody-is-busy',
    about: 'the same while both survivors have sessions: one gives up its own, which wait for the move',
    play: everybodyIsBusy,
  },
]
