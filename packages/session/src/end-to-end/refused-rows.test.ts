import { expect, test } from 'vitest'
import { createFailoverBench, leftBehind, type FailoverBench } from '../testing/fake-failover.ts'
import type { FakeNode } from '../testing/fake-node.ts'
import { sessionLimits } from '../route/limits.ts'

/** From now on each row of this node has a NaN. */
function computeNaN({ runner }: FakeNode): void {
  const forward = runner.forward.bind(runner)
  runner.forward = async (session, position, hidden) =>
    (await forward(session, position, hidden)).fill(Number.NaN, 3, 4)
}

async function step({ swarm, session, local }: FailoverBench, rows: number): Promise<void> {
  const input = swarm.rows(rows)
  expect(await swarm.finished(session.forward(input, { want: 'all' }))).toEqual(
    await local.forward(input, { want: 'all' }),
  )
}

test.each([0, 1, 2])(
  'stage %i computes NaN: it is replaced, and not the stage that refuses its rows',
  async (index) => {
    const bench = await createFailoverBench()
    await step(bench, 5)
    const before = bench.session.route().map(({ peer }) => peer)
    computeNaN(bench.swarm.nodes[index]!)
    await step(bench, 1)
    await step(bench, 3)
    const after = bench.session.route().map(({ peer }) => peer)
    expect(after).toHaveLength(3)
    expect(after.filter((peer) => !before.includes(peer))).toHaveLength(1)
    expect(after[index]).not.toBe(before[index])
    expect(bench.session.failovers).toBe(1)
    expect(await leftBehind(bench, [])).toEqual([])
  },
)

test('when one peer after the other computes NaN, the model is at fault and the request ends', async () => {
  const bench = await createFailoverBench([0, 2, 4, 6], 5)
  await step(bench, 5)
  for (const node of [bench.swarm.nodes[1]!, ...bench.spares.filter(({ stage }) => stage.range.start === 2)])
    computeNaN(node)
  await expect(
    bench.swarm.finished(bench.session.forward(bench.swarm.rows(1), { want: 'last' })),
  ).rejects.toMatchObject({ code: 'bad-frame', definite: true })
  expect(bench.session.failovers).toBe(sessionLimits.maxRefusedInARow)
  expect(await leftBehind(bench, [])).toEqual([])
})

test("NaN in the coordinator's own rows ends the request at once", async () => {
  const bench = await createFailoverBench()
  await expect(
    bench.swarm.finished(bench.session.forward(bench.swarm.rows(1).fill(Number.NaN, 2, 3), { want: 'last' })),
  ).rejects.toMatchObject({ code: 'bad-frame' })
  expect(bench.session.failovers).toBe(0)
})
