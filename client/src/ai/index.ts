/**
 * A provider of the AI SDK (`ai` 7) for a swarm, over the HTTP API of a node. It needs `@ai-sdk/openai-compatible` beside
 * it, whose form it speaks, and adds what a node takes beyond that: objects by a JSON Schema, `topK`, usage of streams.
 *
 * @example
 * const shoal = createShoal({ api: 'http://127.0.0.1:8090', apiKey: 'KEY' })
 * const { textStream } = streamText({ model: shoal('demo'), prompt: 'Who are you?' })
 */
export { createShoal, ShoalModel, type ShoalProvider, type ShoalSettings } from './provider.ts'
