import { decodeRows, encodeRows, type WireFormat } from '@shoal/protocol'
import { createFakeRunner } from '@shoal/runtime/testing'
import { describe, expect, test } from 'vitest'
import { createLocalSession } from '../generation/local-session.ts'
import type { HiddenSession } from '../route/types.ts'
import { finderOf, kill } from '../testing/fake-failover.ts'
import { createFakeSwarm } from '../testing/fake-swarm.ts'

const hiddenSize = 8
const cuts = [0, 2, 4, 6]

const rounded = (wire: WireFormat, rows: Float32Array): Float32Array =>
  decodeRows(wire, encodeRows(wire, rows, hiddenSize), rows.length / hiddenSize, hiddenSize)

/** The blocks in this process, with what each hop does to the rows. */
async function expectedOf(wire: WireFormat): Promise<(rows: Float32Array) => Promise<Float32Array>> {
  const parts: HiddenSession[] = []
  for (let index = 0; index + 1 < cuts.length; index += 1) {
    const runner = createFakeRunner({ start: cuts[index]!, end: cuts[index + 1]! }, hiddenSize)
    parts.push(await createLocalSession([runner], { session: 'local', tokenBudget: 512 }))
  }
  return async (rows) => {
    let hidden = rounded(wire, rows)
    for (const part of parts) hidden = rounded(wire, await part.forward(hidden, { want: 'all' }))
    return hidden
  }
}

describe.each(['f16', 'int8'] as const)('hidden states travel as %s', (wire) => {
  test('each hop rounds them once, in a prompt and in single rows, and what is sent shrinks', async () => {
    const swarm = createFakeSwarm({ cuts })
    const session = await swarm.finished(swarm.open({ wire }))
    const expected = await expectedOf(wire)
    for (const count of [30, 1, 1, 7]) {
      const rows = swarm.rows(count)
      const whole = await expected(rows)
      expect(whole).not.toEqual(rows)
      expect(await swarm.finished(session.forward(rows, { want: 'all' }))).toEqual(whole)
    }
    expect(session.continuity).toBe('identical')
    await session.close()
  })

  test('a lost stage is replaced with the same rows where the route is cut alike', async () => {
    const swarm = createFakeSwarm({ cuts })
    const spare = swarm.addNode('spare', { start: 2, end: 4 })
    const session = await swarm.finished(swarm.open({ wire, routes: finderOf(swarm, [spare]) }))
    const expected = await expectedOf(wire)
    const forward = async (count: number): Promise<void> => {
      const rows = swarm.rows(count)
      expect(await swarm.finished(session.forward(rows, { want: 'all' }))).toEqual(await expected(rows))
    }
    await forward(20)
    kill(swarm, 'node-1')
    await forward(1)
    await forward(3)
    expect([session.failovers, session.continuity]).toEqual([1, 'identical'])
    await session.close()
  })

  test('another cut is another rounding, and the answer says that it was continued', async () => {
    const swarm = createFakeSwarm({ cuts })
    const spares = [
      swarm.addNode('spare-2', { start: 2, end: 3 }),
      swarm.addNode('spare-3', { start: 3, end: 4 }),
    ]
    const session = await swarm.finished(swarm.open({ wire, routes: finderOf(swarm, spares) }))
    await swarm.finished(session.forward(swarm.rows(20), { want: 'all' }))
    kill(swarm, 'node-1')
    await swarm.finished(session.forward(swarm.rows(1), { want: 'all' }))
    expect([session.failovers, session.continuity]).toEqual([1, 'continued'])
    await session.close()
  })
})
