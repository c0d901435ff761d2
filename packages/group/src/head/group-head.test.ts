import { encodeGroup, protocols } from '@shoal/protocol'
import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterEach, expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { groupLimits } from '../limits.ts'
import type { GroupRunner } from '../runner/runner-types.ts'
import { createGroupBench, type GroupBench, type RankNode } from '../testing/group-bench.ts'

const whole = { start: 0, end: 3 }
const part = { start: 128, end: 320 }
const rows = (count: number): Float32Array =>
  Float32Array.from({ length: count * 64 }, (_, index) => Math.sin(index))

let bench: GroupBench
afterEach(() => bench.close())

/** Asks until the rank has loaded its part. Weights are read in turns of the real event loop. */
async function asked(runner: GroupRunner, rank: number, hidden: Float32Array): Promise<Float32Array | null> {
  for (let turn = 0; turn < 200; turn += 1) {
    const answer = runner.head.logits(rank, hidden)
    if (answer !== null) return answer
    await settled()
    await sleep(systemClock, 0)
  }
  return null
}

async function wanted(hidden: Float32Array, vocabulary = part): Promise<Float32Array> {
  const head = await bench.device.loadHead(vocabulary)
  return (await head.logits(hidden)).slice()
}

test.each([
  ['reference', 'f32'],
  ['onnx', 'int4:32'],
] as const)(
  'a member computes its part of the logits, and a spare does so when the member is lost (%s, %s)',
  async (kind, weights) => {
    bench = await createGroupBench('llama', weights, kind)
    const [one, spare] = [await bench.addRank('one'), await bench.addRank('spare')]
    const { runner } = await bench.lead('leader', whole, [1, 1], [one], [spare])
    expect(runner.head.logits(1, rows(1))).toBeNull()
    runner.head.share([null, part])
    for (const count of [1, 3]) expect(await asked(runner, 1, rows(count))).toEqual(await wanted(rows(count)))
    // More rows than tokens need are those of a prompt, which the leader computes.
    expect(runner.head.logits(1, rows(groupLimits.headRowsMax + 1))).toBeNull()
    expect(runner.head.logits(2, rows(1))).toBeNull()

    const underway = runner.head.logits(1, rows(1))
    bench.network.kill(one.peer)
    await expect(underway).rejects.toMatchObject({ code: 'peer-vanished' })
    await runner.open('a', 4)
    await runner.forward('a', 0, rows(1))
    expect(runner.repairs).toBe(1)
    expect(await asked(runner, 1, rows(1))).toEqual(await wanted(rows(1)))
    await runner.release()
  },
)

test.each<[string, Parameters<GroupBench['addRank']>[1], unknown]>([
  ['of another numeric class', { numericClass: 'another' }, part],
  ['that loads no parts of the head', { headless: true }, part],
  ['whose part is not aligned', {}, { start: 1, end: 320 }],
])('a member %s is not asked', async (_, options, vocabulary) => {
  bench = await createGroupBench('llama', 'f32', 'reference')
  const { runner } = await bench.lead('leader', whole, [1, 1], [await bench.addRank('one', options)])
  runner.head.share([null, vocabulary as typeof part])
  expect(await asked(runner, 1, rows(1))).toBeNull()
  await runner.open('a', 4)
  await runner.forward('a', 0, rows(1))
})

test('of two parts that are assigned at once the later one is computed, whichever is loaded first', async () => {
  const other = { start: 128, end: 256 }
  bench = await createGroupBench('llama', 'f32', 'reference')
  const slow = Promise.withResolvers<void>()
  const one = await bench.addRank('one', {
    beforeHead: ({ start }) => (start === 0 ? slow.promise : Promise.resolve()),
  })
  const { runner } = await bench.lead('leader', whole, [1, 1], [one])
  runner.head.share([null, { start: 0, end: 128 }])
  runner.head.share([null, other])
  expect(await asked(runner, 1, rows(1))).toEqual(await wanted(rows(1), other))
  slow.resolve()
  for (let turn = 0; turn < 20; turn += 1) {
    await settled()
    await sleep(systemClock, 0)
  }
  expect(await asked(runner, 1, rows(1))).toEqual(await wanted(rows(1), other))
  await runner.release()
})

test('a member that answers with the wrong number of logits is not asked again', async () => {
  bench = await createGroupBench('llama', 'f32', 'reference')
  const { runner } = await bench.lead('leader', whole, [1, 1], [await bench.addRank('one', { cutLogits: 1 })])
  runner.head.share([null, part])
  await expect(asked(runner, 1, rows(1))).rejects.toMatchObject({ code: 'bad-frame' })
  expect(runner.head.logits(1, rows(1))).toBeNull()
  await runner.release()
})

test('a leader cannot have a member load parts without end, nor ask for a part that is not loaded', async () => {
  bench = await createGroupBench('llama', 'f32', 'reference')
  const one: RankNode = await bench.addRank('one')
  const leader = bench.network.createTransport('leader')
  leader.learn(one.peer, one.addresses)
  const channel = await leader.open(one.peer, protocols.group, { signal: new AbortController().signal })
  const answers: string[] = []
  channel.onFrame((frame) => void answers.push(Buffer.from(frame).toString('latin1')))
  const self = { peer: 'leader', addresses: leader.addresses() }
  await channel.send(
    ...encodeGroup({
      type: 'group-form',
      request: 0,
      group: 'g',
      manifest: bench.manifestId,
      profile: bench.profile,
      ...whole,
      rank: 1,
      ...bench.split([1, 1]),
      sums: [{ bytes: 256, algorithm: 'gather' }],
      peers: [self, { peer: one.peer, addresses: one.addresses }],
    }),
  )
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn += 1) {
      await settled()
      await sleep(systemClock, 0)
    }
  }
  await turns()
  void channel.send(...encodeGroup({ type: 'group-head', request: 1 }, rows(1)))
  await turns()
  expect(answers.at(-1)).toContain('has loaded no part of the head')
  const parts = [
    [0, 128],
    [0, 256],
    [0, 320],
    [128, 256],
    [128, 320],
    [256, 320],
  ] as const
  for (const [index, [start, end]] of parts.entries())
    await channel.send(...encodeGroup({ type: 'group-head-load', request: 2 + index, start, end }))
  await turns()
  expect(answers.filter((words) => words.includes('parts of the head are loaded here already'))).toHaveLength(
    parts.length - groupLimits.headsMax,
  )
  void channel.send(...encodeGroup({ type: 'group-head', request: 9 }, rows(groupLimits.headRowsMax + 1)))
  await turns()
  expect(answers.at(-1)).toContain('are not 1 to')
})
