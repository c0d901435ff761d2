import { decodeGroup, encodeGroup, protocols } from '@shoal/protocol'
import { afterEach, expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { groupLimits } from '../limits.ts'
import { createGroupBench, type GroupBench, type RankNode } from '../testing/group-bench.ts'

const model = 'llama'
const whole = { start: 0, end: 3 }

let bench: GroupBench
afterEach(() => bench.close())

test('a node refuses to be a rank of leaders that it does not accept and of other manifests', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const stranger = await bench.addRank('shy', { accepts: (leader) => leader === 'friend' })
  await expect(bench.lead('leader', whole, [1, 1], [stranger])).rejects.toMatchObject({ code: 'no-capacity' })
  const foreign = await bench.addRank('foreign', { manifestId: 'b'.repeat(64) })
  await expect(bench.lead('other', whole, [1, 1], [foreign])).rejects.toMatchObject({
    code: 'wrong-manifest',
  })
  expect([stranger.host.groups, foreign.host.groups]).toEqual([0, 0])
  const { runner } = await bench.lead('friend', whole, [1, 1], [stranger])
  expect(stranger.host.groups).toBe(1)
  await runner.release()
  await settled()
  expect(stranger.host.groups).toBe(0)
})

test('a peer that is not a rank cannot send parts or join a group', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const members = (await bench.addRanks(2)) as [RankNode, RankNode]
  await bench.lead('leader', whole, [2, 1, 1], members)
  const stranger = bench.network.createTransport('stranger')
  stranger.learn(members[1].peer, members[1].addresses)
  for (const message of [
    { type: 'group-part', call: 0, sum: 0, kind: 'partial', chunk: 0 },
    { type: 'group-meet', group: 'nothing', rank: 1 },
    { type: 'group-lanes' },
    { type: 'group-open', request: 0, session: 0, tokenBudget: 1, start: 0, end: 1 },
  ] as const) {
    const channel = await stranger.open(members[1].peer, protocols.group, {
      signal: new AbortController().signal,
    })
    const ended = new Promise((resolve) => channel.onClose(resolve))
    await channel.send(
      ...encodeGroup(message, message.type === 'group-part' ? new Float32Array(64) : undefined),
    )
    expect(await ended).toBeInstanceOf(Error)
  }
  expect(members[1].host.groups).toBe(1)
})

test('any peer may measure the link to a rank, and do nothing else on that channel', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const shy = await bench.addRank('shy', { accepts: () => false })
  const stranger = bench.network.createTransport('stranger')
  stranger.learn(shy.peer, shy.addresses)
  const channel = await stranger.open(shy.peer, protocols.group, { signal: new AbortController().signal })
  const ended = new Promise((resolve) => channel.onClose(resolve))
  const answers: unknown[] = []
  channel.onFrame((frame) => {
    const { message, payload } = decodeGroup(frame)
    answers.push([message, payload.length])
  })
  await channel.send(...encodeGroup({ type: 'group-echo', request: 1 }))
  await channel.send(...encodeGroup({ type: 'group-echo', request: 2 }, new Float32Array(5000)))
  await settled()
  expect(answers).toEqual([
    [{ type: 'group-echo', request: 1 }, 0],
    [{ type: 'group-echo', request: 2 }, 20_000],
  ])
  await channel.send(
    ...encodeGroup({ type: 'group-open', request: 0, session: 0, tokenBudget: 1, start: 0, end: 1 }),
  )
  expect(await ended).toBeInstanceOf(Error)
  expect(shy.host.groups).toBe(0)
})

test('a leader that abandons calls without end loses its channel', async () => {
  bench = await createGroupBench(model, 'f32', 'reference')
  const [one] = (await bench.addRanks(1)) as [RankNode]
  const leader = bench.network.createTransport('leader')
  leader.learn(one.peer, one.addresses)
  const channel = await leader.open(one.peer, protocols.group, { signal: new AbortController().signal })
  const ended = new Promise((resolve) => channel.onClose(resolve))
  const self = { peer: 'leader', addresses: leader.addresses() }
  const form = {
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
  } as const
  await channel.send(...encodeGroup(form))
  await settled()
  expect(one.host.groups).toBe(1)
  for (let call = 0; call <= groupLimits.callsAheadMax; call += 1)
    void channel
      .send(
        ...encodeGroup({
          type: 'group-failed',
          request: null,
          call,
          code: 'cancelled',
          message: 'no',
          definite: true,
        }),
      )
      .catch(() => undefined)
  expect(await ended).toBeInstanceOf(Error)
  await settled()
  expect(one.host.groups).toBe(0)
})
