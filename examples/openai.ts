// The official client of OpenAI reads OPENAI_BASE_URL and OPENAI_API_KEY: nothing but the address changes.
import OpenAI from 'openai'

const openai = new OpenAI()
const { data } = await openai.models.list()
const stream = await openai.chat.completions.create({
  model: data[0]!.id,
  messages: [{ role: 'user', content: process.argv[2] ?? 'Who are you?' }],
  temperature: 0,
  stream: true,
})
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '')
process.stdout.write('\n')
