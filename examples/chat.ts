// A program joins a swarm as a peer that holds no blocks. Its text leaves this process as hidden states only.
import { connect } from '@shoal/client'

const question = process.argv[2] ?? 'Who are you?'
const swarm = await connect({ join: [process.env['SHOAL_JOIN'] ?? ''] })
try {
  for await (const part of swarm.chat([{ role: 'user', content: question }], { temperature: 0 })) {
    process.stdout.write(part.text)
    if (part.result !== undefined) {
      const { route, completionTokens } = part.result
      console.log(`\n${completionTokens} tokens by ${route.length} peers`)
    }
  }
} finally {
  await swarm.close()
}
