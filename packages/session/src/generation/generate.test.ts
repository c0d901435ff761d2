import { expect, test } from 'vitest'
import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import { settled } from '@shoal/host/testing'
import { createFakeSwarm } from '../testing/fake-swarm.ts'
import { generateTokens, type GeneratedToken, type GenerateOptions } from './generate.ts'
import type { HiddenSession } from '../route/types.ts'

const vocabularySize = 50
const embedding: EmbeddingTable = {
  lookup: async (ids) =>
    Float32Array.from(
      ids.flatMap((id) => Array.from({ length: 8 }, (_, i) => Math.fround(Math.cos(id * 7 + i)))),
    ),
  release: async () => undefined,
}
const head: HeadRunner = {
  logits: async (hidden) =>
    Float32Array.from({ length: vocabularySize }, (_, id) =>
      hidden.reduce((sum, value, i) => sum + value * Math.sin(id * 3 + i), 0),
    ),
  release: async () => undefined,
}
const greedy = { sample: (logits: Float32Array): number => logits.indexOf(Math.max(...logits)) }
const promptIds = [3, 1, 4, 1, 5, 9, 2, 6]

async function take(
  session: HiddenSession,
  changes: Partial<GenerateOptions> = {},
): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = []
  for await (const token of generateTokens({
    session,
    embedding,
    head,
    sampler: greedy,
    promptIds,
    maxTokens: 30,
    ...changes,
  }))
    tokens.push(token)
  return tokens
}

test('a swarm generates the ids of one process, whatever the chunks', async () => {
  const swarm = createFakeSwarm()
  const local = await take(await swarm.openLocal())
  expect(local.map(({ position }) => position)).toEqual(
    Array.from({ length: 30 }, (_, i) => promptIds.length + i),
  )
  expect(new Set(local.map(({ tokenId }) => tokenId)).size).toBeGreaterThan(3)
  for (const chunkRows of [1, 3, 128]) expect(await take(await swarm.open(), { chunkRows })).toEqual(local)
})

test('it ends after an end token, and never computes the row of the last one', async () => {
  const swarm = createFakeSwarm()
  const all = (await take(await swarm.openLocal())).map(({ tokenId }) => tokenId)
  const end = all[5]!
  const session = await swarm.openLocal()
  expect((await take(session, { endTokenIds: new Set([end]) })).map(({ tokenId }) => tokenId)).toEqual(
    all.slice(0, all.indexOf(end) + 1),
  )
  const short = await swarm.openLocal()
  await take(short, { maxTokens: 1 })
  expect(short.length).toBe(promptIds.length)
})

test('the sampler sees every id so far and the position it draws for', async () => {
  const swarm = createFakeSwarm()
  const seen: [number, readonly number[]][] = []
  const sampler = {
    sample: (_: Float32Array, position: number, tokens: readonly number[]): number => {
      seen.push([position, [...tokens]])
      return 40 + seen.length
    },
  }
  await take(await swarm.openLocal(), { sampler, maxTokens: 3 })
  expect(seen).toEqual([
    [8, promptIds],
    [9, [...promptIds, 41]],
    [10, [...promptIds, 41, 42]],
  ])
})

test('leaving the loop computes nothing more, and a signal ends it', async () => {
  const swarm = createFakeSwarm()
  const session = await swarm.open()
  for await (const token of generateTokens({
    session,
    embedding,
    head,
    sampler: greedy,
    promptIds,
    maxTokens: 30,
  }))
    if (token.position === 10) break
  await settled()
  expect(session.length).toBe(10)

  const cancel = new AbortController()
  const positions: number[] = []
  const cancelled = (async () => {
    for await (const { position } of generateTokens({
      session: await swarm.open(),
      embedding,
      head,
      sampler: greedy,
      promptIds,
      maxTokens: 30,
      signal: cancel.signal,
    })) {
      positions.push(position)
      if (position === 12) cancel.abort()
    }
  })()
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  expect(positions.at(-1)).toBe(12)
})
