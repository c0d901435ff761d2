import { expect, test } from 'vitest'
import { createFakeSwarm, settled } from './fake-swarm.ts'
import { prefill, rowsFrom } from './prefill.ts'

test('three stages give the rows of one process', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const local = await swarm.openLocal()
  const prompt = swarm.rows(70)
  expect(await prefill(session, rowsFrom(prompt, 8), { chunkRows: 16 })).toEqual(await local.forward(prompt, { want: 'last' }))
  for (let step = 0; step < 20; step += 1) {
    const row = swarm.rows(1)
    expect(await session.forward(row, { want: 'last' })).toEqual(await local.forward(row, { want: 'last' }))
  }
  await session.close()
  await settled()
  for (const { host, runner } of swarm.nodes) {
    expect(host.memory()).toEqual({ sessions: 0, journalBytes: 0, journalReservedBytes: 0 })
    expect(runner.memory().sessions).toBe(0)
  }
})
