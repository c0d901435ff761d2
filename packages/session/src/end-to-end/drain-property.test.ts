import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFailoverBench, cutsOfSpares, hangUp, kill, leftBehind } from '../testing/fake-failover.ts'
import { settled } from '@shoal/host/testing'
import { prefill, rowsFrom } from '../generation/prefill.ts'

test('whoever leaves or dies whenever, the rows are those of the undisturbed run, and whoever leaves gets rid of them', async () => {
  const disturbance = fc.record({
    victim: fc.nat(),
    // Of the route, or of those that may be taking over just now.
    among: fc.constantFrom('route', 'route', 'spares'),
    how: fc.constantFrom('leave', 'leave', 'leave', 'kill', 'hang'),
    turns: fc.nat(150),
  })
  const event = fc.record({
    rewind: fc.integer({ min: 0, max: 30 }),
    rows: fc.integer({ min: 1, max: 60 }),
    chunkRows: fc.integer({ min: 1, max: 9 }),
    disturbances: fc.array(disturbance, { maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...cutsOfSpares),
      fc.constantFrom(0, 3),
      async (events, cuts, latencyMs) => {
        const bench = await createFailoverBench(cuts, 4, { latencyMs })
        const dead = new Set<string>()
        const leaving = new Set<string>()
        const nodes = [...bench.swarm.nodes, ...bench.spares]
        for (const { rewind, rows, chunkRows, disturbances } of events) {
          const position = Math.max(0, bench.session.length - rewind)
          const row = bench.swarm.rows(1)
          expect(await bench.swarm.finished(bench.session.forward(row, { want: 'all', position }))).toEqual(
            await bench.local.forward(row, { want: 'all', position }),
          )
          const input = bench.swarm.rows(rows)
          const answered = prefill(bench.session, rowsFrom(input, 8), { chunkRows, window: 4, want: 'all' })
          for (const { victim, among, how, turns } of disturbances) {
            if (latencyMs > 0) bench.swarm.clock.advance(turns % (latencyMs * 4))
            await settled(turns)
            const peers =
              among === 'route'
                ? bench.session.route().map(({ peer }) => peer)
                : bench.spares.filter(({ host }) => host.sessions() > 0).map(({ peer }) => peer)
            const peer = peers[victim % peers.length]
            // Somebody stays who holds each block.
            if (peer === undefined || dead.has(peer) || dead.size + leaving.size >= 4) continue
            if (how === 'leave') {
              leaving.add(peer)
              nodes.find((node) => node.peer === peer)!.host.setDraining(true)
            } else {
              dead.add(peer)
              leaving.delete(peer)
              if (how === 'hang') hangUp(bench, peer)
              else kill(bench.swarm, peer)
            }
          }
          expect(await bench.swarm.finished(answered)).toEqual(
            await bench.local.forward(input, { want: 'all' }),
          )
        }
        // Retries of moves, deadlines of hung peers.
        for (
          let ms = 0;
          ms < 60_000 && nodes.some(({ peer, host }) => leaving.has(peer) && host.sessions() > 0);
          ms += 5
        )
          await bench.swarm.advance(5)
        const last = bench.swarm.rows(2)
        expect(await bench.swarm.finished(bench.session.forward(last, { want: 'all' }))).toEqual(
          await bench.local.forward(last, { want: 'all' }),
        )
        expect(
          nodes.filter(({ peer, host }) => leaving.has(peer) && host.sessions() > 0).map(({ peer }) => peer),
        ).toEqual([])
        expect(bench.session.continuity).toBe('identical')
        expect(await leftBehind(bench, [...dead])).toEqual([])
      },
    ),
    {
      numRuns: 60,
      // The session is idle, so that no step deadline finds the peer that leaves and hangs.
      examples: [
        [
          [
            {
              rewind: 0,
              rows: 1,
              chunkRows: 1,
              disturbances: [
                { victim: 0, among: 'route', how: 'leave', turns: 0 },
                { victim: 0, among: 'route', how: 'hang', turns: 7 },
                { victim: 1, among: 'route', how: 'leave', turns: 0 },
              ],
            },
          ],
          [0, 6],
          0,
        ],
      ],
    },
  )
})
