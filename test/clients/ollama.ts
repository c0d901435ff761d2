import { Ollama } from 'ollama'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion, type ApiOf } from './demo.ts'
import { expectTripText, tripSchema, tripTemperature } from './trip.ts'

export function testOllama(api: ApiOf): void {
  describe('the ollama client', () => {
    const client = (): Ollama => new Ollama({ host: api() })
    const ask = {
      model: 'demo:latest',
      messages: [{ role: 'user', content: demoQuestion }],
      options: { temperature: 0, num_predict: 64 },
    }

    it('finds the model', async () => {
      expect((await client().list()).models.map(({ name }) => name)).toEqual(['demo:latest'])
      expect((await client().ps()).models).toHaveLength(1)
      expect((await client().show({ model: 'demo' })).capabilities).toContain('tools')
      expect((await client().version()).version).toMatch(/^\d+\.\d+\.\d+$/)
    })

    it('chats, and streams the same text', async () => {
      const whole = await client().chat(ask)
      expect([whole.message.content, whole.done_reason]).toEqual([demoAnswer, 'stop'])
      let text = ''
      let counted = 0
      for await (const part of await client().chat({ ...ask, stream: true })) {
        text += part.message.content
        if (part.done) counted = part.eval_count
      }
      expect([text, counted]).toEqual([demoAnswer, whole.eval_count])
    })

    it('generates from a prompt in the chat template, or from one as it is', async () => {
      const { model, options } = ask
      expect((await client().generate({ model, options, prompt: demoQuestion })).response).toBe(demoAnswer)
      const raw = await client().generate({
        model,
        options: { temperature: 0, num_predict: 8 },
        prompt: 'Once upon a time',
        raw: true,
      })
      expect([raw.eval_count, raw.done_reason]).toEqual([8, 'length'])
    })

    it('answers in a form', async () => {
      const options = { temperature: tripTemperature, num_predict: 250 }
      expectTripText((await client().chat({ ...ask, options, format: tripSchema })).message.content)
      const { model } = ask
      const generated = await client().generate({ model, options, prompt: demoQuestion, format: tripSchema })
      expectTripText(generated.response)
    })

    it('is told what is not done here', async () => {
      await expect(client().embed({ model: 'demo', input: 'x' })).rejects.toThrow(
        /embeddings are not made here/,
      )
      await expect(client().pull({ model: 'demo' })).rejects.toThrow(/models are not managed over this API/)
      await expect(client().chat({ ...ask, model: 'other' })).rejects.toMatchObject({ status_code: 404 })
    })
  })
}
