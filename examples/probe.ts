// Looks into the model: the length of the last token's hidden state after the blocks of each peer, and the likeliest next token.
import { connect } from '@shoal/client/web'

const apiKey = process.env['SHOAL_API_KEY']
const swarm = await connect({
  api: process.env['SHOAL_API'] ?? 'http://127.0.0.1:8090',
  ...(apiKey !== undefined && { apiKey }),
})
const tokenIds = [1, 277, 13]
const { peers } = await swarm.status()
const ends = new Set(peers.flatMap(({ blocks }) => (blocks ? [blocks[1]] : [])))
for (const end of [...ends].toSorted((a, b) => a - b)) {
  const { hiddenStates, hiddenSize } = await swarm.forward(tokenIds, { layers: [0, end] })
  console.log(`after block ${end - 1}: ${Math.hypot(...hiddenStates.slice(-hiddenSize)).toFixed(3)}`)
}
const { logits, vocabularySize } = await swarm.forward(tokenIds)
const last = logits!.slice(-vocabularySize)
console.log(`next token: ${last.indexOf(Math.max(...last))}`)
await swarm.close()
