// A page of any origin asks a node that was started with `--api HOST:PORT --api-key KEY`.
import { connect } from './web.js'

const form = document.getElementById('form')
const answer = document.getElementById('answer')

/** Streams an answer into the page. */
async function ask(swarm, question) {
  answer.textContent = ''
  for await (const part of swarm.chat([{ role: 'user', content: question }], { temperature: 0 }))
    answer.textContent += part.text
}

/** Shows the hidden states after each half of the blocks, for three token ids of the model. */
async function probe(swarm) {
  const tokenIds = [1, 277, 13]
  const whole = await swarm.forward(tokenIds)
  const [{ blocks }] = (await swarm.status()).peers.filter((peer) => peer.blocks !== null)
  const part = await swarm.forward(tokenIds, { layers: [0, blocks[1]] })
  const size = (numbers) => Math.hypot(...numbers.slice(0, whole.hiddenSize)).toFixed(3)
  answer.textContent = `${tokenIds.length} tokens, ${whole.hiddenSize} numbers each; length of the first row after block ${blocks[1] - 1}: ${size(part.hiddenStates)}, after all blocks: ${size(whole.hiddenStates)}; ${whole.logits.length} logits`
}

async function answerTo(action) {
  const { api, key, question } = Object.fromEntries(new FormData(form))
  try {
    const swarm = await connect({ api, apiKey: key })
    if (action === 'probe') await probe(swarm)
    else await ask(swarm, question)
    await swarm.close()
    answer.dataset.done = action
  } catch (error) {
    answer.textContent = `${error.code ?? 'failed'}: ${error.message}`
    answer.dataset.done = 'failed'
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  void answerTo(event.submitter.value)
})
