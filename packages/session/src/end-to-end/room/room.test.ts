import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShoalError } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { createCoordinator } from '../../coordinator/coordinator.ts'
import type { RouteSessionOptions } from '../../coordinator/route-session-options.ts'
import { sessionLimits } from '../../route/limits.ts'
import type { Route } from '../../route/types.ts'
import type { FakeNode } from '../../testing/fake-node.ts'
import { finderOf } from '../../testing/fake-failover.ts'
import { createFakeSwarm, freeEverywhere, type FakeSwarm } from '../../testing/fake-swarm.ts'

const tokenBudget = 512
/** KV cache and journal of one session at one stage: 8 bytes and one row of 8 numbers for each position. */
const sessionBytes = tokenBudget * (8 + 8 * Float32Array.BYTES_PER_ELEMENT)
const roomFor = (sessions: number): number => sessions * sessionBytes + sessionBytes / 2
const waitForRoomMs = 120_000

/** Opens a session, computes some rows, closes it. @returns how many answers were under way at most */
async function answer(swarm: FakeSwarm, options: Partial<RouteSessionOptions> = {}): Promise<void> {
  const session = await swarm.open({ tokenBudget, waitForRoomMs, ...options })
  for (let step = 0; step < 3; step += 1) await session.forward(swarm.rows(2), { want: 'last' })
  await session.close()
}

const sessionsAt = (swarm: FakeSwarm): number[] => swarm.nodes.map(({ host }) => host.sessions())

test('seven requests at a swarm with room for two: two run at a time, all are answered, none is refused', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(2), latencyMs: 3 })
  let most = 0
  for (const { runner } of swarm.nodes) {
    runner.before = () => {
      most = Math.max(most, ...swarm.nodes.map((node) => node.runner.memory().sessions))
    }
  }
  await swarm.finished(Promise.all(Array.from({ length: 7 }, () => answer(swarm))))
  expect(most).toBe(2)
  await swarm.advance(100)
  expect(freeEverywhere(swarm)).toBe(true)
})

test('of three requests at once without waiting, two find room and the third learns that room will come', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(2) })
  const results = await Promise.allSettled(Array.from({ length: 3 }, () => swarm.open({ tokenBudget })))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(results[2]).toMatchObject({ reason: { code: 'no-capacity', definite: false } })
})

test('a session that could never fit is refused at once, with the memory that it would need', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(2) })
  await swarm.open({ tokenBudget })
  await expect(swarm.open({ tokenBudget: 5 * tokenBudget, waitForRoomMs })).rejects.toMatchObject({
    code: 'no-capacity',
    definite: true,
  })
})

test('a session for which no room comes is refused when its time is over', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  await swarm.open({ tokenBudget })
  const startMs = swarm.clock.nowMs()
  await expect(swarm.finished(swarm.open({ tokenBudget, waitForRoomMs: 3_000 }))).rejects.toMatchObject({
    code: 'no-capacity',
    definite: false,
    message: expect.stringContaining('no room within 3 s') as unknown,
  })
  expect(swarm.clock.nowMs() - startMs).toBeLessThan(3_100)
  expect(sessionsAt(swarm)).toEqual([1, 1, 1])
})

test('a full queue refuses, and says so', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  const first = await swarm.open({ tokenBudget })
  const waiting = Array.from({ length: sessionLimits.maxWaitingOpensPerPeer }, () => answer(swarm))
  await settled()
  await expect(answer(swarm)).rejects.toMatchObject({
    code: 'no-capacity',
    definite: false,
    message: expect.stringContaining('16 sessions wait for room here already') as unknown,
  })
  await first.close()
  await swarm.finished(Promise.all(waiting))
})

test('a cancelled request leaves the queue, and the next one gets the room', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  const first = await swarm.open({ tokenBudget })
  const cancel = new AbortController()
  const cancelled = answer(swarm, { signal: cancel.signal })
  const next = answer(swarm)
  const failed = expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  await settled()
  cancel.abort()
  await failed
  await first.close()
  await swarm.finished(next)
  await swarm.advance(100)
  expect(freeEverywhere(swarm)).toBe(true)
})

test('requests that a dead coordinator has left in the queue get no room', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  const first = await swarm.open({ tokenBudget })
  const lost = swarm.openFrom('other', { tokenBudget, waitForRoomMs }).catch((error: unknown) => error)
  await settled()
  swarm.network.kill('other')
  expect(await lost).toMatchObject({ code: 'peer-vanished' })
  await swarm.advance(10_000)
  await first.close()
  await settled()
  expect(sessionsAt(swarm)).toEqual([0, 0, 0])
})

test.each([0, 1, 2])(
  'stage %i dies while a session waits: the session fails at once, with its name',
  async (index) => {
    const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
    await swarm.open({ tokenBudget })
    await settled()
    const failed = answer(swarm).catch((error: unknown) => error)
    await settled()
    swarm.network.kill(`node-${index}`)
    // Stages after the one where it waits have not been asked: their death is found when they are.
    if (index === 0) expect(await failed).toMatchObject({ code: 'peer-vanished', peer: 'node-0' })
    else expect(await swarm.finished(failed)).toMatchObject({ code: 'peer-vanished' })
  },
)

test('an answer that has lost a stage gets the room of a session that waits for the answer’s own room elsewhere', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  // Peers are asked in the order of their ids, so that the waiting session has the spare before it waits at node-0.
  const spare = swarm.addNode('a-spare', { start: 4, end: 6 })
  const running = await swarm.open({ tokenBudget, routes: finderOf(swarm, [spare]) })
  await swarm.finished(running.forward(swarm.rows(3), { want: 'last' }))
  const route = [...swarm.nodes.slice(0, 2), spare].map(({ stage }) => stage)
  const waiting = swarm.open({ tokenBudget, waitForRoomMs, route }).catch((error: unknown) => error)
  await settled()
  expect(spare.host.sessions()).toBe(1)
  swarm.network.kill('node-2')
  await swarm.finished(running.forward(swarm.rows(1), { want: 'last' }))
  expect(running.route().map(({ peer }) => peer)).toEqual(['node-0', 'node-1', 'a-spare'])
  // Other peers may have room for it: whoever opens sessions tries again.
  expect(await waiting).toMatchObject({ code: 'not-ready', peer: 'a-spare' })
  await running.close()
  await swarm.finished(answer(swarm, { route }))
})

test('a stage that hangs while a session waits there is named by its silence', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  await swarm.open({ tokenBudget })
  const failed = answer(swarm).catch((error: unknown) => error)
  await settled()
  for (const other of ['coordinator', 'node-1', 'node-2']) swarm.network.stop('node-0', other)
  await swarm.advance(6_000)
  expect(await failed).toMatchObject({ code: 'deadline-passed', peer: 'node-0' })
})

test('a node that leaves turns away those who wait', async () => {
  const swarm = createFakeSwarm({ limitBytes: roomFor(1) })
  await swarm.open({ tokenBudget })
  const failed = answer(swarm).catch((error: unknown) => error)
  await settled()
  swarm.nodes[0]!.host.setDraining(true)
  expect(await failed).toMatchObject({ code: 'not-ready', definite: true, peer: 'node-0' })
})

/** A route over these nodes, each of which holds all blocks, with equal cuts. */
function routeOver(nodes: readonly FakeNode[], blocks: number): Route {
  const each = blocks / nodes.length
  return nodes.map(({ stage }, index) => ({
    ...stage,
    range: { start: index * each, end: (index + 1) * each },
  }))
}

test('sessions of several coordinators whose routes cross in any order all get their turn', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ nodes: fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }), afterMs: fc.nat(40) }),
        {
          minLength: 2,
          maxLength: 8,
        },
      ),
      fc.integer({ min: 3, max: 4 }),
      fc.nat(5),
      async (requests, room, latencyMs) => {
        const swarm = createFakeSwarm({ latencyMs, limitBytes: roomFor(room) })
        const nodes = ['x', 'y', 'z'].map((peer) => swarm.addNode(peer, { start: 0, end: 6 }))
        const outcomes = requests.map(async ({ nodes: chosen, afterMs }, index) => {
          await new Promise<void>((resolve) => swarm.clock.after(afterMs, resolve))
          const peer = `coordinator-${index}`
          const coordinator = createCoordinator({
            transport: swarm.network.createTransport(peer),
            clock: swarm.clock,
            logger: swarm.logger,
          })
          const route = routeOver(
            chosen.map((node) => nodes[node]!),
            6,
          )
          const session = await swarm.open({ tokenBudget, waitForRoomMs, route }, coordinator)
          await session.forward(swarm.rows(1), { want: 'last' })
          await session.close()
        })
        const results = await swarm.finished(Promise.allSettled(outcomes))
        expect(
          results.flatMap((result) =>
            result.status === 'rejected'
              ? [result.reason instanceof ShoalError ? result.reason.message : String(result.reason)]
              : [],
          ),
        ).toEqual([])
        expect(swarm.clock.nowMs()).toBeLessThan(20_000)
      },
    ),
    {
      numRuns: 60,
      // The second session asks for its second span while the first session's memory is being freed.
      examples: [
        [
          [
            { nodes: [0, 0, 0], afterMs: 34 },
            { nodes: [0, 0, 0], afterMs: 33 },
          ],
          3,
          0,
        ],
        // Both take two spans and find no room for the third.
        [
          [
            { nodes: [0, 0, 0], afterMs: 0 },
            { nodes: [0, 0, 0], afterMs: 0 },
          ],
          4,
          0,
        ],
      ],
    },
  )
})
