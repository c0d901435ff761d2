import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { settled } from '@shoal/host/testing'
import { afterEach, expect, test } from 'vitest'
import { createGroupBench, type GroupBench, type RankNode } from '../testing/group-bench.ts'

const model = 'llama'
const whole = { start: 0, end: 3 }

let bench: GroupBench
afterEach(() => bench.close())

const rowsOf = (count: number, from = 0): Float32Array =>
  Float32Array.from({ length: count * 64 }, (_, index) => Math.cos(index + from))

/** Waits for a condition. Threads and files need turns of the real event loop. */
async function soon(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !holds(); turn += 1) {
    await settled()
    await sleep(systemClock, 0)
  }
  expect(holds()).toBe(true)
}

test('a group behaves like any runner: positions, budgets, rewinds, several sessions, queued calls', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const { runner } = await bench.lead('leader', whole, [1, 1], await bench.addRanks(1))
  await runner.open('a', 12)
  await runner.open('b', 400)
  await expect(runner.open('a', 5)).rejects.toMatchObject({ code: 'bad-request' })
  const first = runner.forward('a', 0, rowsOf(4))
  expect(runner.length('a')).toBe(4)
  const second = runner.forward('a', 4, rowsOf(1, 9))
  const other = runner.forward('b', 0, rowsOf(300))
  for (const position of [0, 4, 6])
    await expect(runner.forward('a', position, rowsOf(1))).rejects.toMatchObject({ code: 'wrong-position' })
  await expect(runner.forward('a', 5, rowsOf(8))).rejects.toMatchObject({ code: 'limit-exceeded' })
  await expect(runner.forward('c', 0, rowsOf(1))).rejects.toMatchObject({ code: 'unknown-session' })
  await expect(runner.forward('a', 5, new Float32Array(3))).rejects.toMatchObject({ code: 'bad-request' })
  const [four, one] = [await first, await second]
  expect([...(await other).subarray(0, 4 * 64)]).toEqual([...four])
  await runner.truncate('a', 4)
  expect([...(await runner.forward('a', 4, rowsOf(1, 9)))]).toEqual([...one])
  await runner.close('a')
  await runner.close('a')
  expect(runner.memory().sessions).toBe(1)
  await runner.release()
  await expect(runner.forward('b', 300, rowsOf(1))).rejects.toMatchObject({ code: 'not-ready' })
})

test('a rank that dies while nothing is computed is replaced at once, and without a spare the group is lost', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, spare] = (await bench.addRanks(2)) as [RankNode, RankNode]
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [spare])
  bench.network.kill(one.peer)
  await soon(() => runner.repairs === 1)
  expect(runner.members().map(({ peer }) => peer)).toEqual([spare.peer])
  expect(runner.lost.aborted).toBe(false)
  bench.network.kill(spare.peer)
  await soon(() => runner.lost.aborted)
  await expect(runner.open('a', 8)).rejects.toMatchObject({ code: 'not-ready' })
})

test('a group that is released does not count as lost', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const { runner } = await bench.lead('leader', whole, [1, 1], await bench.addRanks(1))
  await runner.release()
  await settled()
  expect(runner.lost.aborted).toBe(false)
})

test('a spare of another numeric class is not taken', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one] = (await bench.addRanks(1)) as [RankNode]
  const odd = await bench.addRank('odd', { numericClass: 'another' })
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [odd])
  await runner.open('a', 8)
  bench.network.kill(one.peer)
  await expect(runner.forward('a', 0, new Float32Array(64).fill(0.5))).rejects.toMatchObject({
    code: 'not-ready',
  })
})

test('a spare that dies while caches are computed again is replaced by the next spare', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one, three] = (await bench.addRanks(2)) as [RankNode, RankNode]
  const two = await bench.addRank('short-lived', { onForward: () => bench.network.kill('short-lived') })
  const { runner } = await bench.lead('leader', whole, [1, 1], [one], [two, three])
  await runner.open('a', 64)
  await runner.forward('a', 0, rowsOf(10))
  bench.network.kill(one.peer)
  const found = await runner.forward('a', 10, rowsOf(1, 3))
  expect(two.loaded).toHaveLength(1)
  expect(runner.members().map(({ peer }) => peer)).toEqual([three.peer])
  const calm = await bench.lead('calm', whole, [1, 1], [await bench.addRank('rank-4')])
  await calm.runner.open('a', 64)
  await calm.runner.forward('a', 0, rowsOf(10))
  expect([...found]).toEqual([...(await calm.runner.forward('a', 10, rowsOf(1, 3)))])
})
