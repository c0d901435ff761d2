import { ShoalError } from '@shoal/host'
import assert from 'node:assert/strict'
import type { BlockRunner } from '../block-runner.ts'
import { sameBits } from '../probe/same-bits.ts'
import { seededValues } from '../probe/seeded-values.ts'

/** What a case is run on: a fresh runner of a small model, with room for exactly `tokenRoom` positions of KV cache. */
export interface ConformanceSubject {
  readonly runner: BlockRunner
  readonly keyValueHeadCount: number
  readonly headSize: number
  readonly contextLength: number
  readonly tokenRoom: number
  /** Bytes of one position in one block. */
  readonly positionBytes: number
}

export interface ConformanceCase {
  readonly name: string
  run(subject: ConformanceSubject): Promise<void>
}

/**
 * What every `BlockRunner` does. The tests run all cases on every implementation; the bits themselves are tested
 * elsewhere.
 */
export const conformanceCases: readonly ConformanceCase[] = [
  {
    name: 'appends rows and counts positions, queued calls included',
    async run({ runner }) {
      await runner.open('a', 8)
      assert.equal(runner.length('a'), 0)
      const first = runner.forward('a', 0, rows(runner, 3))
      assert.equal(runner.length('a'), 3)
      const second = runner.forward('a', 3, rows(runner, 1))
      assert.equal(runner.length('a'), 4)
      assert.equal((await first).length, 3 * runner.hiddenSize)
      assert.equal((await second).length, runner.hiddenSize)
    },
  },
  {
    name: 'reads the rows before it returns control and never changes them',
    async run({ runner }) {
      await runner.open('a', 8)
      await runner.open('b', 8)
      const mine = rows(runner, 4)
      const result = runner.forward('a', 0, mine)
      assert.ok(sameBits(mine, rows(runner, 4)))
      mine.fill(Number.NaN)
      assert.ok(sameBits(await result, await runner.forward('b', 0, rows(runner, 4))))
    },
  },
  {
    name: 'refuses another position than its own, and goes on',
    async run({ runner }) {
      await runner.open('a', 8)
      await runner.forward('a', 0, rows(runner, 2))
      for (const position of [0, 1, 3, -1, 1.5, Number.NaN])
        await refused('wrong-position', () => runner.forward('a', position, rows(runner, 1)))
      assert.equal(runner.length('a'), 2)
      await runner.forward('a', 2, rows(runner, 1))
    },
  },
  {
    name: 'runs a session through a part of its blocks, with the bits that the whole has',
    async run({ runner, keyValueHeadCount, headSize }) {
      const { start, end } = runner.range
      await runner.open('whole', 8)
      const wanted = await runner.forward('whole', 0, rows(runner, 3))
      await runner.open('first', 8, { start, end: start + 1 })
      await runner.open('rest', 8, { start: start + 1, end })
      const between = await runner.forward('first', 0, rows(runner, 3))
      assert.ok(sameBits(await runner.forward('rest', 0, between), wanted))
      const [first, rest] = [await runner.exportKeyValues('first'), await runner.exportKeyValues('rest')]
      assert.equal(first.length, 2 * keyValueHeadCount * 3 * headSize)
      assert.ok(sameBits(Float32Array.of(...first, ...rest), await runner.exportKeyValues('whole')))
      for (const part of [
        { start, end: start },
        { start, end: end + 1 },
        { start: start - 1, end },
      ])
        await refused('wrong-range', () => runner.open('bad', 8, part))
    },
  },
  {
    name: 'refuses what are not rows',
    async run({ runner }) {
      await runner.open('a', 8)
      await refused('bad-request', () => runner.forward('a', 0, new Float32Array()))
      await refused('bad-request', () => runner.forward('a', 0, new Float32Array(runner.hiddenSize + 1)))
    },
  },
  {
    name: 'keeps to the token budget',
    async run({ runner }) {
      await runner.open('a', 5)
      await runner.forward('a', 0, rows(runner, 4))
      await refused('limit-exceeded', () => runner.forward('a', 4, rows(runner, 2)))
      await runner.forward('a', 4, rows(runner, 1))
      await refused('limit-exceeded', () => runner.forward('a', 5, rows(runner, 1)))
    },
  },
  {
    name: 'refuses unknown sessions, and second ones of one name',
    async run({ runner }) {
      await refused('unknown-session', () => runner.forward('a', 0, rows(runner, 1)))
      await refused('unknown-session', () => runner.truncate('a', 0))
      await refused('unknown-session', () => runner.exportKeyValues('a'))
      await refused('unknown-session', () => runner.importKeyValues('a', 0, new Float32Array(64)))
      await refused('unknown-session', async () => runner.length('a'))
      await runner.open('a', 8)
      await refused('bad-request', () => runner.open('a', 8))
    },
  },
  {
    name: 'refuses token budgets that make no sense',
    async run({ runner, contextLength }) {
      for (const budget of [0, -1, 1.5, Number.NaN, contextLength + 1])
        await refused('bad-request', () => runner.open('a', budget))
      assert.equal(runner.memory().sessions, 0)
    },
  },
  {
    name: 'forgets truncated positions and computes the same again',
    async run({ runner }) {
      await runner.open('a', 16)
      await runner.open('b', 16)
      const whole = await runner.forward('b', 0, rows(runner, 10))
      await runner.forward('a', 0, rows(runner, 4))
      await runner.forward('a', 4, rows(runner, 5).fill(1))
      await runner.truncate('a', 4)
      assert.equal(runner.length('a'), 4)
      const rest = await runner.forward('a', 4, rows(runner, 10).subarray(4 * runner.hiddenSize))
      assert.ok(sameBits(rest, whole.subarray(4 * runner.hiddenSize)))
      assert.ok(sameBits(await runner.exportKeyValues('a'), await runner.exportKeyValues('b')))
      for (const length of [11, -1, 0.5]) await refused('wrong-position', () => runner.truncate('a', length))
      await runner.truncate('a', 0)
      assert.ok(sameBits(await runner.forward('a', 0, rows(runner, 10)), whole))
    },
  },
  {
    name: 'closes twice, and opens the name again from nothing',
    async run({ runner }) {
      await runner.open('a', 8)
      const first = await runner.forward('a', 0, rows(runner, 3))
      await runner.close('a')
      await runner.close('a')
      await refused('unknown-session', () => runner.forward('a', 3, rows(runner, 1)))
      await runner.open('a', 8)
      assert.equal(runner.length('a'), 0)
      assert.ok(sameBits(await runner.forward('a', 0, rows(runner, 3)), first))
    },
  },
  {
    name: 'keeps sessions apart, however their calls interleave',
    async run({ runner }) {
      const names = ['a', 'b', 'c', 'd', 'e']
      const hiddenOf = (index: number): Float32Array => seededValues(100 + index, 9 * runner.hiddenSize, 1)
      const alone: Float32Array[] = []
      for (const index of names.keys()) {
        await runner.open('alone', 9)
        alone.push(await runner.forward('alone', 0, hiddenOf(index)))
        await runner.close('alone')
      }
      await Promise.all(names.map((name) => runner.open(name, 9)))
      const pending: Promise<Float32Array>[][] = names.map(() => [])
      for (const [from, to] of [
        [0, 4],
        [4, 5],
        [5, 9],
      ] as const) {
        for (const [index, name] of names.entries()) {
          pending[index]?.push(
            runner.forward(
              name,
              from,
              hiddenOf(index).subarray(from * runner.hiddenSize, to * runner.hiddenSize),
            ),
          )
        }
      }
      for (const [index, parts] of pending.entries()) {
        const together = (await Promise.all(parts)).flatMap((part) => [...part])
        assert.ok(
          sameBits(Float32Array.from(together), alone[index] ?? new Float32Array()),
          `session ${index}`,
        )
      }
    },
  },
  {
    name: 'exports keys and values of every block by head and position',
    async run({ runner, keyValueHeadCount, headSize }) {
      await runner.open('a', 8)
      assert.equal((await runner.exportKeyValues('a')).length, 0)
      await runner.forward('a', 0, rows(runner, 5))
      const five = await runner.exportKeyValues('a')
      const blocks = runner.range.end - runner.range.start
      assert.equal(five.length, 2 * blocks * keyValueHeadCount * 5 * headSize)
      await runner.forward('a', 5, rows(runner, 2))
      const seven = await runner.exportKeyValues('a')
      for (let head = 0; head < 2 * blocks * keyValueHeadCount; head += 1) {
        const before = five.subarray(head * 5 * headSize, (head + 1) * 5 * headSize)
        assert.ok(
          sameBits(before, seven.subarray(head * 7 * headSize, head * 7 * headSize + before.length)),
          `head ${head}`,
        )
      }
    },
  },
  {
    name: 'admits sessions by the KV cache that they may grow to',
    async run({ runner, positionBytes, tokenRoom }) {
      const perToken = positionBytes * (runner.range.end - runner.range.start)
      await runner.open('a', tokenRoom - 10)
      const refusal = await refused('no-capacity', () => runner.open('b', 11))
      assert.equal(refusal.definite, true)
      await runner.open('b', 10)
      const { reservedBytes, weightBytes, limitBytes, sessions, keyValueBytes } = runner.memory()
      assert.deepEqual({ reservedBytes, sessions }, { reservedBytes: tokenRoom * perToken, sessions: 2 })
      assert.ok(
        weightBytes > 0 && weightBytes + reservedBytes <= limitBytes && keyValueBytes <= reservedBytes,
      )
      await runner.close('a')
      await runner.open('c', tokenRoom - 10)
    },
  },
  {
    name: 'has nothing left after its release',
    async run({ runner }) {
      await runner.open('a', 8)
      await runner.release()
      assert.equal(runner.memory().sessions, 0)
      await refused('not-ready', () => runner.forward('a', 0, rows(runner, 1)))
      await refused('not-ready', () => runner.open('b', 8))
      await runner.close('a')
      await runner.release()
    },
  },
]

export function rows(runner: BlockRunner, count: number): Float32Array {
  return seededValues(7, count * runner.hiddenSize, 1)
}

export async function refused(code: string, action: () => Promise<unknown>): Promise<ShoalError> {
  const error = await action().then(
    () => assert.fail(`expected ${code}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof ShoalError, String(error))
  assert.equal(error.code, code)
  return error
}
