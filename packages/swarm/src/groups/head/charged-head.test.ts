import { createMemoryBudget, ShoalError } from '@shoal/host'
import type { HeadRunner } from '@shoal/runtime'
import { expect, test } from 'vitest'
import { loadChargedHead } from './charged-head.ts'

const load = (): Promise<HeadRunner> =>
  Promise.resolve({ logits: () => Promise.resolve(new Float32Array()), release: () => Promise.resolve() })

test('parts of the head may use the memory that shares and sessions leave, also while they are loaded', async () => {
  const memory = createMemoryBudget(100)
  const share = memory.reserve('weights', 60, 'blocks 0:2')
  const first = await loadChargedHead(memory, 30, load)
  expect(memory.usedBytes()).toBe(90)
  await expect(loadChargedHead(memory, 11, load)).rejects.toMatchObject({ code: 'no-capacity' })
  const loading = loadChargedHead(memory, 10, load)
  await expect(loadChargedHead(memory, 1, load)).rejects.toMatchObject({ code: 'no-capacity' })
  await (await loading).release()
  await first.release()
  await first.release()
  expect(memory.usedBytes()).toBe(60)
  share.free()
  await loadChargedHead(memory, 100, load)
})

test('a part that cannot be loaded gives its memory back', async () => {
  const memory = createMemoryBudget(100)
  const failing = loadChargedHead(memory, 80, () => Promise.reject(new ShoalError('bad-model', 'no')))
  await expect(failing).rejects.toMatchObject({ code: 'bad-model' })
  expect(memory.usedBytes()).toBe(0)
})
