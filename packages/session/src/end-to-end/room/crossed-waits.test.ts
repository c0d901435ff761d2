import { expect, test } from 'vitest'
import { finderOf } from '../../testing/fake-failover.ts'
import { createFakeSwarm } from '../../testing/fake-swarm.ts'

const tokenBudget = 512
/** KV cache and journal of one session at one stage, and half as much again: there is no room for a second session. */
const limitBytes = 1.5 * tokenBudget * (8 + 8 * Float32Array.BYTES_PER_ELEMENT)

test.each([0, 1])(
  'two running answers that wait for the room of each other both end, with their own rows (seed %i)',
  async (seed) => {
    const swarm = createFakeSwarm({ limitBytes, latencyMs: 2 })
    const others = [0, 2, 4].map((start) => swarm.addNode(`other-${start}`, { start, end: start + 2 }))
    const routes = finderOf(swarm, others)
    const one = await swarm.finished(swarm.open({ session: `one-${seed}`, tokenBudget, routes }))
    const two = await swarm.finished(
      swarm.open({ session: `two-${seed}`, tokenBudget, routes, route: others.map(({ stage }) => stage) }),
    )
    const sessions = [one, two]
    const locals = [await swarm.openLocal(), await swarm.openLocal()]
    for (const [index, session] of sessions.entries()) {
      const input = swarm.rows(10)
      const expected = await locals[index]!.forward(input, { want: 'all' })
      expect(await swarm.finished(session.forward(input, { want: 'all' }))).toEqual(expected)
    }
    // The first one keeps blocks 0 to 3 and the second one blocks 2 to 5, of which each is the only room left.
    swarm.network.kill('node-2')
    swarm.network.kill('other-0')
    const input = swarm.rows(1)
    const steps = sessions.map((session) => session.forward(input, { want: 'all' }))
    const expected = await Promise.all(locals.map((local) => local.forward(input, { want: 'all' })))
    const first = await swarm.finished(Promise.race(steps.map((rows, index) => rows.then(() => index))))
    expect(await steps[first]).toEqual(expected[first])
    await sessions[first]!.close()
    const last = 1 - first
    expect(await swarm.finished(steps[last]!)).toEqual(expected[last])
    await sessions[last]!.close()
    await swarm.advance(100)
    expect(sessions.map(({ failovers }) => failovers > 0)).toEqual([true, true])
    const dead = ['node-2', 'other-0']
    const left = [...swarm.nodes, ...others].filter(({ peer }) => !dead.includes(peer))
    expect(left.map(({ host }) => host.sessions())).toEqual(left.map(() => 0))
  },
)
