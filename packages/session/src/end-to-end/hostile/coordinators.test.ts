import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SessionMessage, Step } from '@shoal/protocol'
import { settled } from '@shoal/host/testing'
import { createFakeSwarm, freeEverywhere, type FakeSwarm } from '../../testing/fake-swarm.ts'
import { connectHostile, open, step, victim } from '../../testing/hostile-peer.ts'

test('a stranger can neither step, close, take over nor keep alive the session of another', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open(victim)
  const local = await swarm.openLocal()
  for (const target of ['node-0', 'node-1']) {
    const start = target === 'node-0' ? 0 : 2
    const mallory = await connectHostile(swarm, target, `mallory-${target}`)
    await mallory.send(step({ session: 'victim', start }), swarm.rows(1))
    await mallory.send({ type: 'close', session: 'victim', start: null })
    await mallory.send({ type: 'keep-alive' })
    await mallory.send(open({ session: 'victim', start, end: start + 2, epoch: 5 }))
    await settled()
    expect(mallory.answers).toMatchObject([
      { type: 'failed', code: 'unknown-session', definite: true },
      { type: 'failed', code: 'bad-request', message: 'this session id is in use' },
    ])
  }
  const rows = swarm.rows(3)
  expect(await session.forward(rows, { want: 'last' })).toEqual(await local.forward(rows, { want: 'last' }))
})

test('even the coordinator cannot step past the stage before', async () => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm, 'node-1')
  await mallory.send(open({ start: 2, end: 4, previous: 'node-0' }))
  await settled()
  await mallory.send(step({ start: 2 }), swarm.rows(1))
  await settled()
  expect(mallory.answers).toMatchObject([{ type: 'opened' }, { type: 'failed', code: 'unknown-session' }])
})

test.each<[string, Step, (swarm: FakeSwarm) => Float32Array, string]>([
  ['a skipped position', step({ position: 3 }), (swarm) => swarm.rows(1), 'wrong-position'],
  ['a future epoch', step({ epoch: 1 }), (swarm) => swarm.rows(1), 'bad-request'],
  ['rows of another hidden size', step({ rows: 2 }), (swarm) => swarm.rows(3), 'bad-frame'],
  ['more rows than the token budget', step({ rows: 65 }), (swarm) => swarm.rows(65), 'limit-exceeded'],
  ['NaN', step({}), () => new Float32Array(8).fill(Number.NaN), 'bad-frame'],
])('%s is refused, and the right step after it is computed', async (_, frame, rows, code) => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  await mallory.send(open())
  await settled()
  await mallory.send(frame, rows(swarm))
  await settled()
  expect(mallory.answers[1]).toMatchObject({ type: 'failed', code, definite: true, start: 0 })
  await mallory.send(step({ step: 1 }), swarm.rows(1))
  await settled()
  expect(mallory.answers[2]).toMatchObject({ type: 'result', rows: 1, step: 1 })
})

test('an old epoch is dropped with a definite stale-epoch after the session moved on, and KV stays', async () => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  await mallory.send(open())
  await settled()
  await mallory.send(step({ rows: 2 }), swarm.rows(2))
  await settled()
  await mallory.send(open({ epoch: 3 }))
  await mallory.send(open({ epoch: 2 }))
  await mallory.send(open({ epoch: 3 }))
  await settled()
  await mallory.send({
    type: 'replay',
    session: 'theirs',
    start: 0,
    epoch: 3,
    length: 2,
    from: 2,
    settled: 2,
  })
  await mallory.send(step({ step: 1, position: 2 }), swarm.rows(1))
  await mallory.send(step({ step: 1, position: 2, epoch: 3 }), swarm.rows(1))
  await settled()
  expect(mallory.answers.map((answer) => (answer.type === 'failed' ? answer.code : answer.type))).toEqual([
    'opened',
    'result',
    'stale-epoch',
    'opened',
    'bad-request',
    'stale-epoch',
    'result',
  ])
})

test('opening again and again stops at the limit and costs no more memory', async () => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  for (let index = 0; index < 200; index += 1) await mallory.send(open({ session: `s${index}` }))
  await settled()
  expect(swarm.nodes[0]!.host.sessions()).toBe(64)
  expect(mallory.answers.filter(({ type }) => type === 'failed')).toHaveLength(136)
  mallory.channel.abort(new Error('gone'))
  await settled()
  await swarm.advance(10_000)
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a stranger that says that its answer runs gets no room of members, and a member gets that of a stranger', async () => {
  // One row of 8 numbers in the journal and 8 bytes of keys and values for each of 64 positions: room for one session.
  const swarm = createFakeSwarm({ limitBytes: 64 * (8 + 8 * 4) * 1.5, strangers: ['mallory'] })
  const waiting = { tokenBudget: 64, waitMs: 60_000 }
  const mallory = await connectHostile(swarm)
  const member = await connectHostile(swarm, 'node-0', 'member')
  await member.send(open({ session: 'members', previous: 'member', ...waiting }))
  await settled()
  await mallory.send(open({ session: 'running', epoch: 1 }))
  await settled()
  expect(member.answers).toMatchObject([{ type: 'opened' }])
  expect(mallory.answers).toMatchObject([{ type: 'failed', code: 'no-capacity' }])
  await member.send({ type: 'close', session: 'members', start: null })
  await settled()
  await mallory.send(open({ session: 'strangers', ...waiting }))
  await settled()
  expect(mallory.answers.at(-1)).toMatchObject({ type: 'opened' })
  await member.send(open({ session: 'members', previous: 'member', epoch: 1 }))
  await settled()
  expect(mallory.answers.at(-1)).toMatchObject({ type: 'failed', code: 'not-ready' })
  expect(member.answers.at(-1)).toMatchObject({ type: 'opened' })
})

test('next hops that lead nowhere are refused, and the answer is one for what refuses and what is silent', async () => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  await mallory.send(
    open({
      session: 'a',
      next: { peer: 'nobody', addresses: ['/memory/nobody/p2p/nobody'], coordinator: false },
    }),
  )
  swarm.network.stop('node-0', 'node-1')
  await mallory.send(
    open({
      session: 'b',
      next: { peer: 'node-1', addresses: ['/memory/node-1/p2p/node-1'], coordinator: false },
    }),
  )
  await settled()
  expect(mallory.answers).toMatchObject([{ session: 'a', code: 'peer-vanished' }])
  swarm.clock.advance(10_000)
  await settled()
  const [first, second] = mallory.answers
  expect(second).toEqual({ ...first, session: 'b' })
  expect(freeEverywhere(swarm)).toBe(true)
})

test('messages for coordinators and undecodable frames end the channel', async () => {
  const bad: (Uint8Array | SessionMessage)[] = [
    {
      type: 'opened',
      session: 's',
      start: 0,
      epoch: 0,
      numericClass: 'c',
      incarnation: 1,
      length: 0,
      lastStep: null,
    },
    { type: 'result', session: 's', epoch: 0, position: 0, rows: 0, step: 0 },
    {
      type: 'failed',
      session: 's',
      start: 0,
      epoch: 0,
      step: null,
      code: 'internal',
      message: '',
      definite: false,
    },
    new Uint8Array(0),
    new Uint8Array(64).fill(255),
  ]
  for (const [index, message] of bad.entries()) {
    const swarm = createFakeSwarm()
    const mallory = await connectHostile(swarm, 'node-0', `mallory-${index}`)
    if (message instanceof Uint8Array) await mallory.channel.send(message)
    else await mallory.send(message)
    await settled()
    expect(mallory.channel.closed).toBe(true)
  }
})

test('any sequence of messages leaves a victim its rows, and nothing behind', async () => {
  const ids = fc.constantFrom('victim', 'theirs', 'other')
  const small = fc.nat(3)
  const message = fc.oneof(
    fc.record({
      type: fc.constant('open' as const),
      session: ids,
      start: fc.constantFrom(0, 2),
      epoch: small,
      tokenBudget: fc.integer({ min: 1, max: 100 }),
      coordinator: fc.boolean(),
    }),
    fc.record({
      type: fc.constant('step' as const),
      session: ids,
      start: fc.constantFrom(0, 2),
      epoch: small,
      position: small,
      rows: fc.integer({ min: 1, max: 3 }),
      step: fc.nat(6),
      rewind: fc.boolean(),
      lie: fc.boolean(),
    }),
    fc.record({ type: fc.constant('close' as const), session: ids, start: fc.option(fc.constantFrom(0, 2)) }),
    fc.record({
      type: fc.constant('replay' as const),
      session: ids,
      start: fc.constantFrom(0, 2),
      epoch: small,
      length: small,
      from: small,
      settled: small,
    }),
    fc.record({ type: fc.constant('keep-alive' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 25 }), async (messages) => {
      const swarm = createFakeSwarm()
      const session = await swarm.open(victim)
      const local = await swarm.openLocal()
      const mallory = await connectHostile(swarm)
      for (const entry of messages) {
        if (entry.type === 'open')
          await mallory.send(
            open({
              ...entry,
              end: entry.start + 2,
              next: {
                peer: entry.coordinator ? 'mallory' : 'node-1',
                addresses: [],
                coordinator: entry.coordinator,
              },
            }),
          )
        else if (entry.type === 'step')
          await mallory.send(
            step({ ...entry, want: 'last' }),
            swarm.rows(entry.lie ? entry.rows * 2 : entry.rows),
          )
        else await mallory.send(entry)
      }
      const rows = swarm.rows(3)
      expect(await session.forward(rows, { want: 'last' })).toEqual(
        await local.forward(rows, { want: 'last' }),
      )
      await session.close()
      mallory.channel.abort(new Error('gone'))
      await settled()
      await swarm.advance(10_000)
      expect(freeEverywhere(swarm)).toBe(true)
    }),
    { numRuns: 60 },
  )
})
test('an open cannot replace the addresses of a peer that is connected', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  const learned: string[] = []
  const { transport } = swarm.nodes[0]!
  const learn = transport.learn.bind(transport)
  transport.learn = (peer, addresses) => {
    learned.push(peer)
    learn(peer, addresses)
  }
  await session.close()
  // The channel to the next hop has lingered long enough to be closed; the connection has not.
  await swarm.advance(61_000)
  const mallory = await connectHostile(swarm)
  await mallory.send(
    open({ next: { peer: 'node-1', addresses: ['/memory/mallory/p2p/mallory'], coordinator: false } }),
  )
  await settled()
  expect([mallory.answers[0]?.type, learned]).toEqual(['opened', []])
})
