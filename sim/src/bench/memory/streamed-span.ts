import { join } from 'node:path'
import { every, silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { connectClient } from '@shoal/swarm/node'
import { startNodeProcess, type NodeProcess } from 'shoal/node-process'
import { benchPrompt } from '../settings.ts'
import { ownBytes } from './own-bytes.ts'

const sampleMs = 200
const promptTokens = 8
const tokens = 12
/** A span so many times the budget. */
const spansPerBudget = 8

/** What a node held that streamed the weights of the whole model. */
export interface StreamedFigures {
  readonly budgetBytes: number
  /** The most own memory during an answer. */
  readonly peakBytes: number
  readonly tokensPerSecond: number
}

/**
 * A node that serves all blocks of a model whose weights are eight times its budget. It is started twice: the first one packs
 * the model and gives the client its embedding, and what both leave with the allocator is not measured.
 * @param wholeBytes of the weights of all blocks
 */
export async function measureStreaming(
  model: string,
  wholeBytes: number,
  folder: string,
): Promise<StreamedFigures> {
  const budgetBytes = Math.floor(wholeBytes / spansPerBudget)
  const options = ['--model', model, '--stream-weights', '--memory', `${Math.floor(budgetBytes / 1024)}KiB`]
  const start = () => startNodeProcess([...options, '--threads', '1', '--data', join(folder, 'streaming')])
  await answerOf(start(), folder, 1)
  return { budgetBytes, ...(await answerOf(start(), folder, tokens)) }
}

/** One answer of a node, which is then stopped. */
async function answerOf(
  node: NodeProcess,
  folder: string,
  maxTokens: number,
): Promise<Omit<StreamedFigures, 'budgetBytes'>> {
  const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const address = (await node.ready).addrs[0]!
  const client = await connectClient(dependencies, {
    join: [address],
    dataFolder: join(folder, 'streaming-client'),
    threads: 1,
  })
  let peakBytes = 0
  const look = async (): Promise<void> => {
    peakBytes = Math.max(peakBytes, await ownBytes(node.process.pid!))
  }
  const timer = every(systemClock, sampleMs, look, () => undefined)
  try {
    await client.whenCovered(AbortSignal.timeout(60_000))
    const engine = await client.engine()
    const startMs = systemClock.nowMs()
    const request = {
      promptIds: benchPrompt(engine.manifest.manifest.config.vocabularySize, promptTokens),
      maxTokens,
      ignoreEos: true,
      drafts: false,
      sampling: { ...engine.defaultSampling, temperature: 0 },
    }
    for await (const event of engine.generate(request)) if (event.type === 'token') await look()
    const tokensPerSecond = (1000 * maxTokens) / (systemClock.nowMs() - startMs)
    return { peakBytes, tokensPerSecond }
  } finally {
    timer.cancel()
    await client.close()
    await node.stop()
  }
}
