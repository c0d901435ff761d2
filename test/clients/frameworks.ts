import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { dynamicTool, generateText, jsonSchema, Output, streamText } from 'ai'
import { createShoal } from '@shoal/client/ai'
import { describe, expect, it } from 'vitest'
import { demoAnswer, demoQuestion, type ApiOf } from './demo.ts'
import { expectTrip, tripSchema, tripTemperature, type Trip } from './trip.ts'

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

    const hot = () => ({
      model: createOpenAICompatible({
        name: 'shoal',
        baseURL: `${api()}/v1`,
        supportsStructuredOutputs: true,
      }).chatModel('demo'),
      prompt: demoQuestion,
      temperature: tripTemperature,
      maxOutputTokens: 250,
      maxRetries: 0,
    })

    it('generates an object', async () => {
      const { output } = await generateText({
        ...hot(),
        output: Output.object({ schema: jsonSchema<Trip>(tripSchema) }),
      })
      expectTrip(output)
    })

    it('calls a tool, and streams a call', async () => {
      const book = dynamicTool({ description: 'Books a trip', inputSchema: jsonSchema(tripSchema) })
      // One call: after it, the demo model might write others until its tokens are used up.
      const providerOptions = { shoal: { parallel_tool_calls: false } }
      const forced = { ...hot(), tools: { book }, toolChoice: 'required' as const, providerOptions }
      const { toolCalls, finishReason } = await generateText(forced)
      expect([toolCalls[0]?.toolName, finishReason]).toEqual(['book', 'tool-calls'])
      for (const { input } of toolCalls) expectTrip(input)
      const [streamed] = await streamText(forced).toolCalls
      expectTrip(streamed?.input)
    })

    it('streams the same text, and through the provider of @shoal/client', async () => {
      const seen: unknown[] = []
      const shoal = createShoal({
        api: `${api()}/`,
        apiKey: 'none',
        fetch: (url, init) => {
          seen.push(JSON.parse(init?.body as string))
          return fetch(url, init)
        },
      })
      const own = streamText({ model: shoal('demo'), prompt: demoQuestion, topK: 1, maxRetries: 0 })
      expect([await own.text, (await own.usage).outputTokens]).toEqual([demoAnswer, expect.any(Number)])
      expect([await own.warnings, seen]).toEqual([[], [expect.objectContaining({ top_k: 1 })]])
      const model = shoal.languageModel('demo')
      const book = dynamicTool({ inputSchema: jsonSchema(tripSchema) })
      const { output } = await generateText({
        ...hot(),
        model,
        output: Output.object({ schema: jsonSchema<Trip>(tripSchema) }),
      })
      expectTrip(output)
      const providerOptions = { shoal: { parallel_tool_calls: false } }
      const forced = { ...hot(), model, tools: { book }, toolChoice: 'required' as const, providerOptions }
      expectTrip((await generateText(forced)).toolCalls[0]?.input)
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

    const hot = (): ChatOpenAI =>
      new ChatOpenAI({
        model: 'demo',
        temperature: tripTemperature,
        maxTokens: 250,
        apiKey: 'none',
        maxRetries: 0,
        configuration: { baseURL: `${api()}/v1` },
      })

    it('gets the answers of a batch of three at once', async () => {
      const batch = await model().batch(Array.from({ length: 3 }, () => [new HumanMessage(demoQuestion)]))
      expect(batch.map(({ text }) => text)).toEqual([demoAnswer, demoAnswer, demoAnswer])
    })

    it('gets structured output', async () => {
      const form = { ...tripSchema, title: 'trip' }
      for (const method of ['jsonSchema', 'functionCalling'] as const)
        expectTrip(await hot().withStructuredOutput(form, { method }).invoke(demoQuestion))
    })

    it('streams', async () => {
      let text = ''
      for await (const chunk of await model().stream(demoQuestion)) text += chunk.text
      expect(text).toBe(demoAnswer)
    })
  })
}
