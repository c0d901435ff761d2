import { expect, test } from 'vitest'
import type { HiddenSession } from '../../../route/types.ts'
import { createFakeSwarm, type FakeSwarm } from '../../../testing/fake-swarm.ts'
import {
  answer,
  embedding,
  head,
  maxTokens,
  plainAnswer,
  promptIds,
  sampled,
} from '../testing/drafted-answers.ts'
import { ModelDrafter } from './model-drafter.ts'

/** A draft model that is the model itself, so that every draft of it is right. */
async function itself(swarm: FakeSwarm, seed: number, tokenBudget = 512): Promise<ModelDrafter> {
  const session = await swarm.openLocal()
  return new ModelDrafter({ session, embedding, head, sampler: sampled(seed), tokenBudget })
}

test('drafts go on behind earlier ones, and a token that differs takes them back', async () => {
  const swarm = createFakeSwarm()
  const plain = await plainAnswer(swarm, sampled(1))
  const drafter = await itself(swarm, 1)
  for (const tokenId of promptIds) drafter.append(tokenId)
  await drafter.prepare()
  const first = await drafter.draft([], 4)
  expect(first).toEqual(plain.slice(0, 4))
  expect(await drafter.draft(first, 4)).toEqual(plain.slice(4, 8))
  const other = await itself(swarm, 1)
  for (const tokenId of [...promptIds, 49, 48]) other.append(tokenId)
  for (const tokenId of [49, 48]) drafter.append(tokenId)
  expect(await drafter.draft([], 6)).toEqual(await other.draft([], 6))
})

test('nothing is drafted behind the context of the draft model', async () => {
  const drafter = await itself(createFakeSwarm(), 1, promptIds.length + 3)
  for (const tokenId of promptIds) drafter.append(tokenId)
  expect(await drafter.draft([], 8)).toHaveLength(3)
})

test('an answer takes the drafts of a model, with the same tokens', async () => {
  const swarm = createFakeSwarm({ latencyMs: 20 })
  const plain = await plainAnswer(swarm, sampled(3))
  let accepted = 0
  const speculation = {
    drafter: await itself(swarm, 3),
    clock: swarm.clock,
    onCount: (_drafted: number, right: number) => void (accepted = right),
  }
  const session = await swarm.finished(swarm.open())
  expect(await swarm.finished(answer(session, sampled(3), speculation))).toEqual(plain)
  expect(accepted).toBeGreaterThan(maxTokens * 0.8)
})

test('a draft model that fails costs its drafts only', async () => {
  const swarm = createFakeSwarm({ latencyMs: 20 })
  const plain = await plainAnswer(swarm, sampled(3))
  const broken: HiddenSession = Object.create(await swarm.openLocal(), {
    forward: { value: () => Promise.reject(new Error('no memory')) },
  }) as HiddenSession
  const drafter = new ModelDrafter({
    session: broken,
    embedding,
    head,
    sampler: sampled(3),
    tokenBudget: 512,
  })
  const session = await swarm.finished(swarm.open())
  const answered = answer(session, sampled(3), { drafter, clock: swarm.clock })
  expect(await swarm.finished(answered)).toEqual(plain)
})
