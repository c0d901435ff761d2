import { ShoalError } from '@shoal/host'
import type { BlockRunner, HeadRunner } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { createRankMemory } from './rank-memory.ts'

const load = (): Promise<HeadRunner> =>
  Promise.resolve({ logits: () => Promise.resolve(new Float32Array()), release: () => Promise.resolve() })
const share = (weightBytes: number, reservedBytes: number): BlockRunner =>
  ({ memory: () => ({ weightBytes, reservedBytes }), release: () => Promise.resolve() }) as BlockRunner

test('parts of the head have what shares and their sessions leave, also while they are loaded', async () => {
  const memory = createRankMemory(100)
  const own = share(40, 20)
  const held = memory.share(own)
  const first = await memory.head(30, load)
  expect([memory.usedBytes(), memory.usedBytes(own)]).toEqual([90, 30])
  await expect(memory.head(11, load)).rejects.toMatchObject({ code: 'no-capacity' })
  const loading = memory.head(10, load)
  await expect(memory.head(1, load)).rejects.toMatchObject({ code: 'no-capacity' })
  await (await loading).release()
  await first.release()
  await first.release()
  expect(memory.usedBytes(own)).toBe(0)
  await held.release()
  await memory.head(100, load)
})

test('a part that cannot be loaded uses nothing', async () => {
  const memory = createRankMemory(100)
  await expect(
    memory.head(80, () => Promise.reject(new ShoalError('bad-model', 'no'))),
  ).rejects.toMatchObject({ code: 'bad-model' })
  expect(memory.usedBytes()).toBe(0)
})
