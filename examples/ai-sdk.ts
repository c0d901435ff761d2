// The AI SDK with the provider of @shoal/client. SHOAL_API and SHOAL_API_KEY say where a node serves its API.
import { createShoal } from '@shoal/client/ai'
import { streamText } from 'ai'

const { SHOAL_API: api = 'http://127.0.0.1:8090', SHOAL_API_KEY: apiKey = 'KEY' } = process.env
const shoal = createShoal({ api, apiKey })
const { textStream } = streamText({
  model: shoal(process.argv[3] ?? 'demo'),
  prompt: process.argv[2] ?? 'Who are you?',
  temperature: 0,
})
for await (const text of textStream) process.stdout.write(text)
process.stdout.write('\n')
