import { ShoalError } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { BlockRunner } from '@shoal/runtime'

/** What tests may ask of a {@link BlockRunner} of theirs beside what the interface has. */
export interface FakeRunner extends BlockRunner {
  /** Rows computed over all sessions. */
  readonly computedRows: number
  /** Runs before each computation. */
  before: (session: string, position: number) => Promise<void> | void
}

/**
 * A runner for this package's unit tests: a row depends on its input, on every row before it and on the block, so that
 * a lost, repeated or misplaced row changes everything after it. The state is the sequence of inputs, as a KV cache is,
 * so the grouping into calls changes nothing.
 */
export function createFakeRunner(range: BlockRange, hiddenSize: number, limitBytes = 2 ** 30): FakeRunner {
  interface Cache {
    readonly tokenBudget: number
    readonly part: BlockRange
    /** Per block, one number for each position: what an attention over `[0, position]` would see. */
    readonly states: number[][]
    length: number
  }
  const sessions = new Map<string, Cache>()
  let computedRows = 0

  const cacheOf = (session: string): Cache => {
    const cache = sessions.get(session)
    if (cache === undefined) throw new ShoalError('unknown-session', `no session ${session}`)
    return cache
  }

  const computeRow = (cache: Cache, position: number, row: Float32Array): void => {
    for (let block = cache.part.start; block < cache.part.end; block += 1) {
      const states = (cache.states[block - cache.part.start] ??= [])
      const previous = states[position - 1] ?? 0.5
      let sum = previous * 0.75 + position * 0.001 + (block + 1) * 0.01
      for (let i = 0; i < row.length; i += 1) sum += row[i]! * ((i % 3) - 0.9) * 0.3
      const state = Math.fround(Math.sin(sum))
      states[position] = state
      for (let i = 0; i < row.length; i += 1) row[i] = Math.fround(Math.sin(row[i]! + state * (i + 1)))
    }
  }

  const runner: FakeRunner = {
    range,
    hiddenSize,
    before: () => undefined,
    get computedRows() {
      return computedRows
    },
    async open(session, tokenBudget, part = range) {
      if (sessions.has(session)) throw new ShoalError('bad-request', `session ${session} is open`)
      const neededBytes = runner.memory().reservedBytes + tokenBudget * 8
      if (neededBytes > limitBytes)
        throw new ShoalError('no-capacity', `KV caches would need ${neededBytes} bytes of ${limitBytes}`)
      sessions.set(session, { tokenBudget, part, states: [], length: 0 })
    },
    async forward(session, position, hidden) {
      const cache = cacheOf(session)
      if (position !== cache.length)
        throw new ShoalError('wrong-position', `position ${position} of ${cache.length}`)
      const rows = hidden.length / hiddenSize
      if (position + rows > cache.tokenBudget) throw new ShoalError('limit-exceeded', 'token budget')
      cache.length += rows
      const output = hidden.slice()
      await runner.before(session, position)
      for (let row = 0; row < rows; row += 1)
        computeRow(cache, position + row, output.subarray(row * hiddenSize, (row + 1) * hiddenSize))
      computedRows += rows
      return output
    },
    length: (session) => cacheOf(session).length,
    async truncate(session, length) {
      const cache = cacheOf(session)
      if (length > cache.length)
        throw new ShoalError('wrong-position', `cannot truncate ${cache.length} to ${length}`)
      cache.length = length
      for (const states of cache.states) states.length = Math.min(states.length, length)
    },
    async close(session) {
      sessions.delete(session)
    },
    async exportKeyValues(session, window = {}) {
      const { part: own, states, length } = cacheOf(session)
      const { from = 0, to = length, part = own } = window
      if (to > length) throw new ShoalError('wrong-position', `positions to ${to} of ${length}`)
      return Float32Array.from(
        Array.from({ length: part.end - part.start }, (_, index) =>
          (states[part.start - own.start + index] ?? []).slice(from, to),
        ).flat(),
      )
    },
    async importKeyValues(session, position, keyValues) {
      const cache = cacheOf(session)
      const blocks = cache.part.end - cache.part.start
      const rows = keyValues.length / blocks
      if (position !== cache.length)
        throw new ShoalError('wrong-position', `position ${position} of ${cache.length}`)
      if (!Number.isInteger(rows) || rows < 1 || position + rows > cache.tokenBudget)
        throw new ShoalError('bad-request', `${keyValues.length} values in ${blocks} blocks`)
      for (let block = 0; block < blocks; block += 1) {
        const states = (cache.states[block] ??= [])
        for (let row = 0; row < rows; row += 1) states[position + row] = keyValues[block * rows + row]!
      }
      cache.length += rows
    },
    memory() {
      const caches = [...sessions.values()]
      return {
        weightBytes: 0,
        keyValueBytes: caches.reduce((sum, cache) => sum + cache.length * 8, 0),
        reservedBytes: caches.reduce((sum, cache) => sum + cache.tokenBudget * 8, 0),
        limitBytes,
        sessions: sessions.size,
      }
    },
    async release() {
      sessions.clear()
    },
  }
  return runner
}
