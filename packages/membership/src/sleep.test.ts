import { seededRandom, silentLogger, type Clock } from '@shoal/host'
import { afterEach, expect, test } from 'vitest'
import { createMembership } from './membership.ts'
import { membershipProfiles } from './options.ts'
import { createWorld, swarmName, type World } from './testing/world.ts'
import type { MembershipEvent } from './types.ts'

let world: World
afterEach(() => world.close())

/** A clock whose timers wait while its machine sleeps, and that goes on by the time of the sleep, as a monotonic clock does. */
function sleepingClock(clock: Clock) {
  const due: (() => void)[] = []
  let asleep = false
  let jumpedMs = 0
  return {
    ...clock,
    nowMs: () => clock.nowMs() + jumpedMs,
    after: ((delayMs, action, options) =>
      clock.after(delayMs, () => (asleep ? void due.push(action) : action()), options)) as Clock['after'],
    closeLid: () => void (asleep = true),
    /** @param jumpMs time of the sleep beyond what has passed for the others */
    openLid(jumpMs: number): void {
      asleep = false
      jumpedMs += jumpMs
      for (const action of due.splice(0)) action()
    },
  }
}

test.each([
  { what: 'a second', sleptMs: 1000, life: 1 },
  { what: 'a minute', sleptMs: 60_000, life: 2 },
  { what: 'an hour', sleptMs: 3_600_000, life: 2 },
])(
  'a lid closed for $what: nobody waits for the sleeper, and it is back in 30 s',
  async ({ sleptMs, life }) => {
    world = createWorld(23)
    const clock = sleepingClock(world.clock)
    const transport = world.network.createTransport('s')
    const sleeper = createMembership(
      { transport, clock, random: seededRandom(7), logger: silentLogger },
      { ...membershipProfiles.lan, document: swarmName, incarnation: 1 },
    )
    const heard: MembershipEvent[] = []
    sleeper.onEvent((event) => void heard.push(event))
    for (const name of ['a', 'b', 'c']) await world.join(name, name === 'a' ? undefined : 'a')
    const others = ['a', 'b', 'c']
    sleeper.start()
    await sleeper.announce({ state: 'serving', span: { start: 0, end: 1 } })
    const dialled = transport.dial('/memory/a/p2p/a', { signal: new AbortController().signal })
    const holdIt = (alive: boolean) => () =>
      others.every((name) => world.alive(name).includes(`s@${life}`) === alive)
    await world.until(() => others.every((name) => world.alive(name).includes('s@1')), 15_000)
    await dialled
    await world.run(10_000)

    clock.closeLid()
    for (const name of others) world.network.stop(name, 's')
    // The others need not live through the whole hour: what has passed for the sleeper is what counts when it wakes.
    const passedMs = Math.min(sleptMs, 60_000)
    await world.run(passedMs)
    const ended = others.every((name) => !world.alive(name).includes('s@1'))
    expect(ended).toBe(life === 2)
    heard.length = 0
    for (const name of others) world.network.heal(name, 's')
    clock.openLid(sleptMs - passedMs)

    expect(await world.until(holdIt(true), 30_000)).toBeLessThanOrEqual(30_000)
    expect(sleeper.incarnation).toBe(life)
    // Its sleep counts against none of the others, and what it serves is known still.
    expect(heard.filter(({ type }) => type === 'peer-dead')).toEqual([])
    const spans = world.inhabitants.get('a')?.membership.snapshot().members
    expect(spans?.find(({ peerId }) => peerId === 's')).toMatchObject({ span: { start: 0, end: 1 } })
    await sleeper.close()
  },
)
