import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, streamText } from 'ai'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion, type ApiOf } from './demo.ts'

/** Frameworks whose users give the address of an OpenAI-compatible server. */
export function testFrameworks(api: ApiOf): void {
  describe('the AI SDK', () => {
    const ask = (): Parameters<typeof generateText>[0] => ({
      model: createOpenAICompatible({ name: 'shoal', baseURL: `${api()}/v1` }).chatModel('demo'),
      prompt: demoQuestion,
      temperature: 0,
      maxRetries: 0,
    })

    it('generates text', async () => {
      const { text, finishReason, usage } = await generateText(ask())
      expect([text, finishReason]).toEqual([demoAnswer, 'stop'])
      expect(usage.outputTokens).toBeGreaterThan(10)
    })

    it('streams the same text', async () => {
      let text = ''
      for await (const piece of streamText(ask()).textStream) text += piece
      expect(text).toBe(demoAnswer)
    })
  })

  describe('LangChain', () => {
    const model = (): ChatOpenAI =>
      new ChatOpenAI({
        model: 'demo',
        temperature: 0,
        apiKey: 'none',
        maxRetries: 0,
        configuration: { baseURL: `${api()}/v1` },
      })

    it('gets the answers of a batch of three at once', async () => {
      const batch = await model().batch(Array.from({ length: 3 }, () => [new HumanMessage(demoQuestion)]))
      expect(batch.map(({ text }) => text)).toEqual([demoAnswer, demoAnswer, demoAnswer])
    })

    it('streams', async () => {
      let text = ''
      for await (const chunk of await model().stream(demoQuestion)) text += chunk.text
      expect(text).toBe(demoAnswer)
    })
  })
}
