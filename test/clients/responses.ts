import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion, type ApiOf } from './demo.ts'
import { expectTripText, tripSchema, tripTemperature } from './trip.ts'

export function testResponses(api: ApiOf): void {
  describe('responses of the openai client', () => {
    const client = (): OpenAI => new OpenAI({ baseURL: `${api()}/v1`, apiKey: 'none', maxRetries: 0 })
    const ask = { model: 'demo', input: demoQuestion, temperature: 0 }

    it('come as a whole', async () => {
      const response = await client().responses.create(ask)
      expect([response.output_text, response.status]).toEqual([demoAnswer, 'completed'])
    })

    it('keep to a form, and call the tool that must be called', async () => {
      const hot = { ...ask, temperature: tripTemperature, max_output_tokens: 250 }
      const format = { type: 'json_schema' as const, name: 'trip', strict: true, schema: tripSchema }
      expectTripText((await client().responses.create({ ...hot, text: { format } })).output_text)
      const stream = client().responses.stream({
        ...hot,
        tools: [{ type: 'function', name: 'book', strict: true, parameters: tripSchema }],
        tool_choice: { type: 'function', name: 'book' },
      })
      const [call] = (await stream.finalResponse()).output
      expect(call).toMatchObject({ type: 'function_call', name: 'book' })
      expectTripText(call?.type === 'function_call' ? call.arguments : null)
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
