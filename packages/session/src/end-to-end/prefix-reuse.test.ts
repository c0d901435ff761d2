import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RoutePrefix } from '../coordinator/route-session-options.ts'
import { prefill, rowsFrom } from '../generation/prefill.ts'
import { sessionLimits, sessionTimes } from '../route/limits.ts'
import type { HiddenSession } from '../route/types.ts'
import { createFakeSwarm, freeEverywhere, type FakeSwarm } from '../testing/fake-swarm.ts'

const hiddenSize = 8

/** All outputs of a session that was given these rows behind those that it has. */
async function outputs(swarm: FakeSwarm, session: HiddenSession, input: Float32Array): Promise<Float32Array> {
  const rest = input.subarray(session.length * hiddenSize)
  return swarm.finished(prefill(session, rowsFrom(rest, hiddenSize), { chunkRows: 50, want: 'all' }))
}

/** What one process computes for the last rows. */
async function expected(swarm: FakeSwarm, input: Float32Array, from: number): Promise<Float32Array> {
  const all = await (await swarm.openLocal()).forward(input, { want: 'all' })
  return all.subarray(from * hiddenSize)
}

const prefixOf = (session: string, input: Float32Array, rows: number): RoutePrefix => ({
  session,
  rows: input.slice(0, rows * hiddenSize),
})

/** A session of `input` that was closed and whose rows are kept. */
async function keptSession(swarm: FakeSwarm, input: Float32Array, id = 'first'): Promise<void> {
  const session = await swarm.finished(swarm.open({ session: id, keep: true }))
  await outputs(swarm, session, input)
  await session.close()
  await swarm.advance(1)
}

const keptBytes = (swarm: FakeSwarm): number[] => swarm.nodes.map(({ host }) => host.memory().keptBytes)

describe('a session that begins with the rows of an earlier one', () => {
  test('goes on with the same bits, and no stage computes these rows again', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(150)
    await keptSession(swarm, input.subarray(0, 100 * hiddenSize))
    const before = swarm.nodes.map(({ runner }) => runner.computedRows)
    const session = await swarm.finished(swarm.open({ prefix: prefixOf('first', input, 100) }))
    expect(session.length).toBe(100)
    expect(await outputs(swarm, session, input)).toEqual(await expected(swarm, input, 100))
    expect(swarm.nodes.map(({ runner }, index) => runner.computedRows - before[index]!)).toEqual([50, 50, 50])
  })

  test('takes whole blocks of positions when it has fewer in common', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(120)
    await keptSession(swarm, input)
    const session = await swarm.finished(swarm.open({ prefix: prefixOf('first', input, 90) }))
    expect(session.length).toBe(90 - (90 % sessionLimits.keptBlockRows))
    const other = swarm.rows(40)
    const whole = Float32Array.of(...input.subarray(0, session.length * hiddenSize), ...other)
    const from = session.length
    expect(await outputs(swarm, session, whole)).toEqual(await expected(swarm, whole, from))
  })

  test('may begin while the earlier one is still open', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(80)
    const first = await swarm.finished(swarm.open({ session: 'first' }))
    await outputs(swarm, first, input.subarray(0, 60 * hiddenSize))
    const second = await swarm.finished(swarm.open({ prefix: prefixOf('first', input, 60) }))
    expect(second.length).toBe(60)
    expect(await outputs(swarm, second, input)).toEqual(await expected(swarm, input, 60))
    expect(await outputs(swarm, first, input)).toEqual(await expected(swarm, input, 60))
  })

  test('begins empty where one stage does not have them any more', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(80)
    await keptSession(swarm, input.subarray(0, 64 * hiddenSize))
    swarm.nodes[1]!.memory.reserve('weights', swarm.nodes[1]!.memory.freeBytes(), 'a span').free()
    expect(keptBytes(swarm).map((bytes) => bytes > 0)).toEqual([true, false, true])
    const session = await swarm.finished(swarm.open({ prefix: prefixOf('first', input, 64) }))
    expect(session.length).toBe(0)
    expect(await outputs(swarm, session, input)).toEqual(await expected(swarm, input, 0))
  })

  test('gets nothing of the session of another coordinator', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(80)
    await keptSession(swarm, input.subarray(0, 64 * hiddenSize))
    const session = await swarm.finished(swarm.openFrom('stranger', { prefix: prefixOf('first', input, 64) }))
    expect(session.length).toBe(0)
    expect(await outputs(swarm, session, input)).toEqual(await expected(swarm, input, 0))
  })

  test('is repaired like any other: the stage before a lost one sends the rows that it took over, too', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(150)
    await keptSession(swarm, input.subarray(0, 100 * hiddenSize))
    const spare = swarm.addNode('spare', { start: 2, end: 4 })
    const routes = { find: () => Promise.resolve([spare.stage]) }
    const session = await swarm.finished(swarm.open({ prefix: prefixOf('first', input, 100), routes }))
    swarm.network.kill('node-1')
    expect(await outputs(swarm, session, input)).toEqual(await expected(swarm, input, 100))
    expect([session.failovers, spare.runner.computedRows]).toEqual([1, 150])
  })
})

describe('rows of closed sessions', () => {
  test('are kept on request only, and given back after a while', async () => {
    const swarm = createFakeSwarm()
    const session = await swarm.finished(swarm.open())
    await outputs(swarm, session, swarm.rows(40))
    await session.close()
    await swarm.advance(1)
    expect(keptBytes(swarm)).toEqual([0, 0, 0])
    await keptSession(swarm, swarm.rows(40))
    expect(Math.min(...keptBytes(swarm))).toBeGreaterThan(0)
    expect(freeEverywhere(swarm)).toBe(true)
    await swarm.advance(sessionTimes.keptMs)
    expect(keptBytes(swarm)).toEqual([0, 0, 0])
  })

  test('are kept once when a later session has added to them', async () => {
    const swarm = createFakeSwarm()
    const input = swarm.rows(100)
    await keptSession(swarm, input.subarray(0, 60 * hiddenSize))
    const [before] = keptBytes(swarm)
    const session = await swarm.finished(
      swarm.open({ session: 'second', keep: true, prefix: prefixOf('first', input, 60) }),
    )
    await outputs(swarm, session, input)
    await session.close()
    await swarm.advance(1)
    expect(keptBytes(swarm)[0]).toBe((before! / 60) * 100)
  })

  test('are kept in part where there is no room for all of them', async () => {
    // A quarter of it holds 140 rows of keys, values and outputs.
    const swarm = createFakeSwarm({ limitBytes: 4 * 140 * (8 + 4 * hiddenSize) })
    const input = swarm.rows(200)
    await keptSession(swarm, input)
    const session = await swarm.finished(swarm.open({ prefix: prefixOf('first', input, 200) }))
    const from = 3 * sessionLimits.keptBlockRows
    expect(session.length).toBe(from)
    expect(await outputs(swarm, session, input)).toEqual(await expected(swarm, input, from))
  })

  test('of a span that is given up, or of a node that leaves, are dropped', async () => {
    const swarm = createFakeSwarm()
    await keptSession(swarm, swarm.rows(40))
    swarm.nodes[0]!.host.setDraining(true)
    await swarm.nodes[1]!.host.setRunners([])
    swarm.nodes[2]!.host.setLeaving(swarm.nodes[2]!.runner, true)
    expect(keptBytes(swarm)).toEqual([0, 0, 0])
  })
})

test('whatever sessions begin with, and whenever they are closed, their rows are those of a run of their own', async () => {
  const turn = fc.record({
    source: fc.nat(),
    common: fc.nat(200),
    added: fc.integer({ min: 1, max: 90 }),
    closes: fc.boolean(),
    hurried: fc.boolean(),
    taken: fc.nat(3),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 8 }), async (turns) => {
      const swarm = createFakeSwarm()
      const known: { id: string; input: Float32Array; rows: number }[] = []
      for (const [index, { source, common, added, closes, hurried, taken }] of turns.entries()) {
        const earlier = known[source % Math.max(1, known.length)]
        const rows = Math.min(common, earlier?.rows ?? 0)
        const start = earlier?.input.subarray(0, rows * hiddenSize) ?? new Float32Array(0)
        const input = Float32Array.of(...start, ...swarm.rows(added))
        const id = `session-${index}`
        const prefix =
          earlier === undefined || rows === 0 ? {} : { prefix: prefixOf(earlier.id, input, rows) }
        const session = await swarm.finished(swarm.open({ session: id, keep: true, ...prefix }))
        expect(session.length).toBeLessThanOrEqual(rows)
        const from = session.length
        expect(await outputs(swarm, session, input)).toEqual(await expected(swarm, input, from))
        // A session that is closed in the middle of a step keeps what is certain.
        if (hurried) session.forward(swarm.rows(3), { want: 'none' }).catch(() => undefined)
        known.push({ id, input, rows: session.certain })
        if (closes) await session.close()
        if (taken > 0) {
          const { memory } = swarm.nodes[taken - 1]!
          memory.reserve('weights', memory.freeBytes(), 'a span').free()
        }
      }
    }),
    { numRuns: 25 },
  )
})
