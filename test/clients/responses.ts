import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion, type ApiOf } from './demo.ts'

export function testResponses(api: ApiOf): void {
  describe('responses of the openai client', () => {
    const client = (): OpenAI => new OpenAI({ baseURL: `${api()}/v1`, apiKey: 'none', maxRetries: 0 })
    const ask = { model: 'demo', input: demoQuestion, temperature: 0 }

    it('come as a whole', async () => {
      const response = await client().responses.create(ask)
      expect([response.output_text, response.status]).toEqual([demoAnswer, 'completed'])
    })

    it('come as a stream that adds up to the same', async () => {
      let text = ''
      const stream = client().responses.stream(ask)
      stream.on('response.output_text.delta', ({ delta }) => {
        text += delta
      })
      const response = await stream.finalResponse()
      expect([text, response.output_text]).toEqual([demoAnswer, demoAnswer])
    })
  })
}
