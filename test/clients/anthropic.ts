import Anthropic, { APIError } from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion, type ApiOf } from './demo.ts'
import { expectTrip, expectTripText, tripSchema, tripTemperature } from './trip.ts'

export function testAnthropic(api: ApiOf): void {
  describe('the @anthropic-ai/sdk client', () => {
    const client = (): Anthropic => new Anthropic({ baseURL: api(), apiKey: 'none', maxRetries: 0 })
    const ask = {
      model: 'demo',
      max_tokens: 64,
      temperature: 0,
      messages: [{ role: 'user' as const, content: demoQuestion }],
    }

    it('gets an answer, whose prompt has as many tokens as were counted before', async () => {
      const { input_tokens: counted } = await client().messages.countTokens({
        model: 'demo',
        messages: ask.messages,
      })
      const message = await client().messages.create(ask)
      expect(message.content).toMatchObject([{ type: 'text', text: demoAnswer }])
      expect(message.stop_reason).toBe('end_turn')
      const { input_tokens: computed, cache_read_input_tokens: reused } = message.usage
      expect(computed + (reused ?? 0)).toBe(counted)
    })

    it('goes on with an answer that it has begun, with the words that the answer has there', async () => {
      const begun = demoAnswer.split(' ').slice(0, 3).join(' ')
      const messages = [...ask.messages, { role: 'assistant' as const, content: begun }]
      const message = await client().messages.create({ ...ask, messages })
      expect(message.content).toMatchObject([{ type: 'text', text: demoAnswer.slice(begun.length) }])
    })

    it('streams the same message', async () => {
      const stream = client().messages.stream(ask)
      let text = ''
      stream.on('text', (delta) => {
        text += delta
      })
      const message = await stream.finalMessage()
      expect([text, message.stop_reason]).toEqual([demoAnswer, 'end_turn'])
      expect(message.usage.output_tokens).toBeGreaterThan(10)
    })

    it('gets a call of the tool that must be called, whole and as a stream, and an answer in a form', async () => {
      const hot = { ...ask, max_tokens: 250, temperature: tripTemperature }
      const tools = [{ name: 'book', input_schema: tripSchema }]
      // One call: after it, the demo model might write others until its tokens are used up.
      const once = { type: 'any' as const, disable_parallel_tool_use: true }
      const message = await client().messages.create({ ...hot, tools, tool_choice: once })
      expect(message.stop_reason).toBe('tool_use')
      const [call] = message.content
      expect(call).toMatchObject({ type: 'tool_use', name: 'book' })
      expectTrip(call?.type === 'tool_use' ? call.input : null)
      const choice = { type: 'tool' as const, name: 'book' }
      const streamed = client().messages.stream({ ...hot, tools, tool_choice: choice })
      const [block] = (await streamed.finalMessage()).content
      expectTrip(block?.type === 'tool_use' ? block.input : null)
      const format = { type: 'json_schema' as const, schema: tripSchema }
      const [text] = (await client().messages.create({ ...hot, output_config: { format } })).content
      expectTripText(text?.type === 'text' ? text.text : null)
    })

    it('gets the stop sequence that ended an answer, and typed errors', async () => {
      const message = await client().messages.create({ ...ask, stop_sequences: ['language'] })
      expect([message.stop_reason, message.stop_sequence]).toEqual(['stop_sequence', 'language'])
      const refusal: unknown = await client()
        .messages.create({ ...ask, model: 'other' })
        .catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(APIError)
      expect(refusal).toMatchObject({
        status: 404,
        type: 'not_found_error',
        requestID: expect.any(String) as string,
      })
    })
  })
}
