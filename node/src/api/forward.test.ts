import { expect, test } from 'vitest'
import { createApiClient } from './testing/api-client.ts'

test('hidden states and logits come as base64 of float32, with their sizes', async () => {
  const response = await createApiClient().post('/v1/forward', { model: 'letters', token_ids: [5, 6] })
  const body = (await response.json()) as { hidden_states: string; logits: string }
  expect(body).toMatchObject({ object: 'forward', token_count: 2, hidden_size: 8, vocabulary_size: 128 })
  const bytes = Buffer.from(body.hidden_states, 'base64')
  expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(32)]).toEqual([64, 5, 6])
  const logits = Buffer.from(body.logits, 'base64')
  expect([logits.length, logits.readFloatLE(1020)]).toEqual([1024, 0.5])
})

test('with fewer layers there are no logits', async () => {
  const response = await createApiClient().post('/v1/forward', {
    model: 'letters',
    token_ids: [5],
    layers: [0, 1],
  })
  expect(((await response.json()) as { logits: null }).logits).toBeNull()
})

test.each([
  [{ token_ids: [] }, 400, 'invalid_value'],
  [{ token_ids: [1], layers: [1, 2] }, 400, 'invalid_value'],
  [{ token_ids: Array<number>(125_000).fill(1) }, 400, 'limit-exceeded'],
  [{ token_ids: [1], model: 'other' }, 404, 'model_not_found'],
])('wrong request %# is refused with its code', async (fields, status, code) => {
  const response = await createApiClient().post('/v1/forward', { model: 'letters', ...fields })
  expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
    status,
    code,
  ])
})
