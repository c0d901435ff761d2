import { beforeEach, expect, test } from 'vitest'
import { createApiClient, type ApiClient } from './testing/api-client.ts'

let client: ApiClient
beforeEach(() => {
  client = createApiClient()
})

test('models are listed and described', async () => {
  expect(await (await client.get('/v1/models')).json()).toMatchObject({
    object: 'list',
    data: [{ id: 'letters', object: 'model' }],
  })
  expect((await client.get('/v1/models/letters')).status).toBe(200)
  expect((await client.get('/v1/models/org/other')).status).toBe(404)
})

test('metrics count requests and tokens', async () => {
  await client.chat()
  await client.chat({ n: 0 })
  const body = await (await client.get('/metrics')).text()
  expect(body).toContain('shoal_completion_tokens_total 5')
  expect(body).toContain('shoal_http_requests_total{route="/v1/chat/completions",status="200"} 1')
  expect(body).toContain('shoal_http_requests_total{route="/v1/chat/completions",status="400"} 1')
  expect(body).toContain('shoal_drafted_tokens_total 2')
  expect(body).toContain('shoal_accepted_tokens_total 1')
  expect(body).toContain('shoal_time_to_first_token_seconds_count 1')
})

test('without a swarm /swarm has the fields of a status all the same', async () => {
  const status = (await (await client.get('/swarm')).json()) as Record<string, unknown>
  expect(status).toMatchObject({ peers: [], covered: true, placements: [] })
  expect(status['coverage']).toHaveLength(status['blockCount'] as number)
})
