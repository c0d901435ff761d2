import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGroupBench, type GroupBench, type RankNode } from '../testing/group-bench.ts'

const whole = { start: 0, end: 3 }
const hiddenSize = 64
let bench: GroupBench
beforeAll(async () => {
  bench = await createGroupBench('llama', 'int4:32', 'reference')
})
afterAll(() => bench.close())

/** One action on a session: rows are appended, or cut off to so many per cent. */
type Turn =
  | { readonly kind: 'rows'; readonly count: number }
  | { readonly kind: 'cut'; readonly keep: number }

const turns = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('rows' as const), count: fc.integer({ min: 1, max: 9 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('cut' as const), keep: fc.integer({ min: 0, max: 100 }) }),
    },
  ),
  { minLength: 2, maxLength: 8 },
)

const rowsOf = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count * hiddenSize }, (_, index) => Math.sin(index * 0.37 + seed))

/** Runs the turns in two sessions at once. @returns the bits of all outputs in order */
async function play(
  runner: Awaited<ReturnType<GroupBench['lead']>>['runner'],
  given: readonly Turn[],
  before: (turn: number) => void,
): Promise<string[]> {
  const bits: string[] = []
  for (const name of ['a', 'b']) await runner.open(name, 200)
  for (const [index, turn] of given.entries()) {
    before(index)
    const outputs = ['a', 'b'].map(async (name) => {
      const length = runner.length(name)
      if (turn.kind === 'rows')
        return runner.forward(name, length, rowsOf(turn.count, index + (name === 'a' ? 0 : 100)))
      await runner.truncate(name, Math.floor((length * turn.keep) / 100))
      return new Float32Array()
    })
    for (const output of await Promise.all(outputs))
      bits.push(Buffer.from(output.slice().buffer).toString('base64'))
  }
  for (const name of ['a', 'b']) await runner.close(name)
  return bits
}

test('with enough spares no bit changes, whichever members die, before or during whichever calls', async () => {
  let life = 0
  const deaths = fc.array(fc.record({ turn: fc.nat({ max: 7 }), inCall: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  })
  await fc.assert(
    fc.asyncProperty(turns, deaths, async (given, planned) => {
      life += 1
      const calm = await bench.lead(
        `calm-${life}`,
        whole,
        [1, 1],
        [await bench.addRank(`calm-member-${life}`)],
      )
      const expected = await play(calm.runner, given, () => undefined)
      await calm.runner.release()

      /** Nodes that die at their next call. */
      const doomed = new Set<string>()
      const add = (index: number): Promise<RankNode> => {
        const name = `rank-${life}-${index}`
        return bench.addRank(name, {
          onForward() {
            if (doomed.delete(name)) bench.network.kill(name)
          },
        })
      }
      const [first, ...spares] = [await add(0), await add(1), await add(2), await add(3)]
      const { runner } = await bench.lead(`leader-${life}`, whole, [1, 1], [first], spares)
      let killed = 0
      const found = await play(runner, given, (turn) => {
        for (const { inCall } of planned.filter((death) => death.turn % given.length === turn)) {
          const [member] = runner.members()
          if (member === undefined || doomed.has(member.peer)) continue
          killed += 1
          if (inCall) doomed.add(member.peer)
          else bench.network.kill(member.peer)
        }
      })
      expect(found).toEqual(expected)
      expect(runner.repairs).toBeLessThanOrEqual(killed)
      await runner.release()
    }),
    { numRuns: 12 },
  )
})
