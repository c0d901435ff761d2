import assert from 'node:assert/strict'
import { refused, rows, type ConformanceCase } from './conformance.ts'
import { sameBits } from '../probe/same-bits.ts'

/** The part of the conformance suite about keys and values that move from one runner to another. */
export const keyValueCases: readonly ConformanceCase[] = [
  {
    name: 'exports any positions of any of its blocks',
    async run({ runner, keyValueHeadCount, headSize }) {
      const { start, end } = runner.range
      await runner.open('a', 8)
      await runner.forward('a', 0, rows(runner, 6))
      const whole = await runner.exportKeyValues('a')
      for (const [from, to] of [
        [0, 6],
        [0, 1],
        [2, 5],
        [5, 6],
        [3, 3],
      ] as const) {
        for (const part of [
          { start, end },
          { start: start + 1, end },
        ]) {
          const window = await runner.exportKeyValues('a', { from, to, part })
          const heads = 2 * (part.end - part.start) * keyValueHeadCount
          assert.equal(window.length, heads * (to - from) * headSize)
          for (let head = 0; head < heads; head += 1) {
            const row = 2 * (part.start - start) * keyValueHeadCount + head
            const expected = whole.subarray((row * 6 + from) * headSize, (row * 6 + to) * headSize)
            assert.ok(
              sameBits(
                window.subarray(head * (to - from) * headSize, (head + 1) * (to - from) * headSize),
                expected,
              ),
              `head ${head} of positions ${from} to ${to}`,
            )
          }
        }
      }
      for (const [from, to] of [
        [0, 7],
        [4, 3],
        [-1, 2],
        [0.5, 2],
      ] as const)
        await refused('wrong-position', () => runner.exportKeyValues('a', { from, to }))
      for (const part of [
        { start: start - 1, end },
        { start, end: end + 1 },
        { start, end: start },
      ])
        await refused('wrong-range', () => runner.exportKeyValues('a', { part }))
    },
  },
  {
    name: 'goes on with keys and values that another session has computed, cut anywhere, with the same bits',
    async run({ runner }) {
      const { start, end } = runner.range
      const total = 9
      await runner.open('a', total)
      const whole = await runner.forward('a', 0, rows(runner, total))
      const keyValues = await runner.exportKeyValues('a')
      for (let length = 1; length < total; length += 1) {
        for (const chunk of [1, 2, 5, total]) {
          await runner.open('b', total)
          for (let from = 0; from < length; from += chunk)
            await runner.importKeyValues(
              'b',
              from,
              await runner.exportKeyValues('a', { from, to: Math.min(length, from + chunk) }),
            )
          assert.equal(runner.length('b'), length)
          const rest = await runner.forward(
            'b',
            length,
            rows(runner, total).subarray(length * runner.hiddenSize),
          )
          assert.ok(
            sameBits(rest, whole.subarray(length * runner.hiddenSize)),
            `${length} positions in chunks of ${chunk}`,
          )
          assert.ok(sameBits(await runner.exportKeyValues('b'), keyValues))
          await runner.close('b')
        }
        // Two successors that hold a part of the blocks each.
        const parts = [
          { start, end: start + 1 },
          { start: start + 1, end },
        ]
        let state = rows(runner, total).subarray(length * runner.hiddenSize)
        for (const [index, part] of parts.entries()) {
          const name = `part-${index}`
          await runner.open(name, total, part)
          await runner.importKeyValues(name, 0, await runner.exportKeyValues('a', { to: length, part }))
          state = await runner.forward(name, length, state)
          await runner.close(name)
        }
        assert.ok(
          sameBits(state, whole.subarray(length * runner.hiddenSize)),
          `${length} positions in two parts`,
        )
      }
    },
  },
  {
    name: 'reads keys and values before it returns control, forgets them by truncation, and refuses what does not fit',
    async run({ runner }) {
      await runner.open('a', 8)
      const whole = await runner.forward('a', 0, rows(runner, 5))
      const keyValues = await runner.exportKeyValues('a')
      const mine = keyValues.slice()
      await runner.open('b', 5)
      const imported = runner.importKeyValues('b', 0, mine)
      assert.equal(runner.length('b'), 5)
      mine.fill(Number.NaN)
      await imported
      assert.ok(sameBits(await runner.exportKeyValues('b'), keyValues))
      await refused('wrong-position', () => runner.importKeyValues('b', 0, keyValues))
      await refused('limit-exceeded', () => runner.importKeyValues('b', 5, keyValues))
      await runner.truncate('b', 2)
      await refused('bad-request', () => runner.importKeyValues('b', 2, keyValues.subarray(1)))
      await refused('bad-request', () => runner.importKeyValues('b', 2, new Float32Array()))
      await refused('wrong-position', () => runner.importKeyValues('b', 3, keyValues))
      await refused('unknown-session', () => runner.importKeyValues('c', 0, keyValues))
      const rest = await runner.forward('b', 2, rows(runner, 5).subarray(2 * runner.hiddenSize))
      assert.ok(sameBits(rest, whole.subarray(2 * runner.hiddenSize)))
      assert.ok(sameBits(await runner.exportKeyValues('b'), keyValues))
    },
  },
]
