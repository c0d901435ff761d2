import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createDrafting, type DraftingDependencies } from './drafting.ts'

const sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 1,
}

test.each([
  { engine: true, request: undefined, drafted: true },
  { engine: true, request: true, drafted: true },
  { engine: true, request: false, drafted: false },
  { engine: false, request: true, drafted: false },
])('an engine that drafts: $engine, a request that asks: $request', async ({ engine, request, drafted }) => {
  const dependencies = { clock: createVirtualClock(), speculates: engine } as unknown as DraftingDependencies
  const asked = { promptIds: [1, 2], sampling, ...(request !== undefined && { drafts: request }) }
  const { options } = await createDrafting(dependencies, asked, 4)
  expect('speculation' in options).toBe(drafted)
})
