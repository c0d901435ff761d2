import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFailoverBench, cutsOfSpares, hangUp, kill, leftBehind } from '../testing/fake-failover.ts'
import { settled } from '@shoal/host/testing'
import { prefill, rowsFrom } from '../generation/prefill.ts'

test('whatever is killed whenever, the rows are those of the undisturbed run and nothing is left behind', async () => {
  const event = fc.record({
    rewind: fc.integer({ min: 0, max: 30 }),
    how: fc.constantFrom('kill', 'kill', 'hang', 'cut'),
    rows: fc.integer({ min: 1, max: 40 }),
    chunkRows: fc.integer({ min: 1, max: 9 }),
    kills: fc.array(fc.record({ victim: fc.nat(), turns: fc.nat(120) }), { maxLength: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...cutsOfSpares),
      fc.constantFrom(0, 7),
      async (events, cuts, latencyMs) => {
        const bench = await createFailoverBench(cuts, 4, { latencyMs })
        const dead = new Set<string>()
        const alive = new Set<string>()
        for (const { rewind, how, rows, chunkRows, kills } of events) {
          const input = bench.swarm.rows(rows)
          // A rewind is one step of its own, as after a rejected draft; whoever was killed before it has not heard of it.
          const position = Math.max(0, bench.session.length - rewind)
          const row = bench.swarm.rows(1)
          expect(await bench.swarm.finished(bench.session.forward(row, { want: 'all', position }))).toEqual(
            await bench.local.forward(row, { want: 'all', position }),
          )
          const answered = prefill(bench.session, rowsFrom(input, 8), { chunkRows, window: 4, want: 'all' })
          for (const { victim, turns } of kills) {
            if (latencyMs > 0) bench.swarm.clock.advance(turns % (latencyMs * 4))
            await settled(turns)
            const route = bench.session.route()
            const { peer } = route[victim % route.length]!
            if (dead.size >= 3 || dead.has(peer)) continue
            const before = route[(victim % route.length) - 1]?.peer
            dead.add(peer)
            if (how === 'hang') hangUp(bench, peer)
            // Only the link between two stages: the one behind it is replaced, lives on and must be freed.
            else if (how === 'cut' && before !== undefined && before !== peer) {
              bench.swarm.network.cut(before, peer)
              alive.add(peer)
            } else kill(bench.swarm, peer)
          }
          expect(await bench.swarm.finished(answered)).toEqual(
            await bench.local.forward(input, { want: 'all' }),
          )
        }
        await bench.swarm.advance(latencyMs)
        expect(
          await leftBehind(
            bench,
            [...dead].filter((peer) => !alive.has(peer)),
          ),
        ).toEqual([])
      },
    ),
    {
      numRuns: 60,
      // The link to a survivor broke after it had answered and before the coordinator's turn: nobody heard of it.
      examples: [
        [
          [
            {
              rewind: 0,
              how: 'cut',
              rows: 1,
              chunkRows: 1,
              kills: [
                { victim: 0, turns: 0 },
                { victim: 1, turns: 47 },
              ],
            },
            { rewind: 0, how: 'kill', rows: 1, chunkRows: 1, kills: [] },
          ],
          [0, 6],
          0,
        ],
      ],
    },
  )
})
