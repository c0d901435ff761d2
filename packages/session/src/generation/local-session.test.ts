import { expect, test } from 'vitest'
import { createFakeRunner } from '@shoal/runtime/testing'
import { createFakeSwarm } from '../testing/fake-swarm.ts'
import { createLocalSession } from './local-session.ts'

const cutRunners = (cuts: readonly number[], limitBytes?: number) =>
  cuts.slice(0, -1).map((start, i) => createFakeRunner({ start, end: cuts[i + 1]! }, 8, limitBytes))

test('several runners are one, calls keep their order, and closing frees', async () => {
  const swarm = createFakeSwarm()
  const runners = cutRunners([0, 1, 4, 6])
  const session = await createLocalSession(runners, { session: 's', tokenBudget: 10 })
  const whole = await swarm.openLocal()
  const inputs = [swarm.rows(2), swarm.rows(1), swarm.rows(4)]
  const answers = await Promise.all(inputs.map((rows) => session.forward(rows, { want: 'all' })))
  expect(answers).toEqual(await Promise.all(inputs.map((rows) => whole.forward(rows, { want: 'all' }))))
  await expect(session.forward(swarm.rows(4), { want: 'last' })).rejects.toMatchObject({
    code: 'limit-exceeded',
  })
  await session.close()
  expect(runners.map((runner) => runner.memory().sessions)).toEqual([0, 0, 0])
  await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toMatchObject({ code: 'cancelled' })
})

test('no room at one runner opens none', async () => {
  const runners = [...cutRunners([0, 2]), ...cutRunners([0, 2], 16)]
  await expect(createLocalSession(runners, { session: 's', tokenBudget: 10 })).rejects.toMatchObject({
    code: 'no-capacity',
  })
  expect(runners.map((runner) => runner.memory().sessions)).toEqual([0, 0])
})

test('after a failure nothing is appended: the runners may have come apart', async () => {
  const swarm = createFakeSwarm()
  const runners = cutRunners([0, 2, 6])
  const session = await createLocalSession(runners, { session: 's', tokenBudget: 10 })
  runners[1]!.before = () => {
    throw new Error('kernel failed')
  }
  await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toThrow('kernel failed')
  runners[1]!.before = () => undefined
  await expect(session.forward(swarm.rows(1), { want: 'last' })).rejects.toThrow('kernel failed')
})

test('a caller may reuse its rows once the call has returned', async () => {
  const swarm = createFakeSwarm()
  for (const open of [() => swarm.openLocal(), () => swarm.open()]) {
    const [session, careful] = [await open(), await swarm.openLocal()]
    const rows = swarm.rows(1)
    const first = session.forward(rows, { want: 'last' })
    const expected = await careful.forward(rows, { want: 'last' })
    const expectedNext = await careful.forward(rows, { want: 'last' })
    const second = session.forward(rows, { want: 'last' })
    rows.fill(0)
    expect([await first, await second]).toEqual([expected, expectedNext])
  }
})
