/**
 * A client of its own on a machine of a layout, as `shoal chat` and programs with the SDK are: it joins with a code and stays.
 * Words: the code, and a folder. It is asked over the IPC channel, and answers there.
 */
import { exitWithParent } from '@shoal/host/node'
import { connectClient } from '@shoal/swarm/node'
import { harnessDependencies } from '../processes/answers.ts'
import type { FromGuest, ToGuest } from './guest-messages.ts'

exitWithParent()
const [code = '', dataFolder = ''] = process.argv.slice(2)
const client = await connectClient(harnessDependencies, { join: [code], dataFolder, threads: 1 })
// Whoever has started this one ends it when that takes too long.
await client.whenCovered(new AbortController().signal)
const engine = await client.engine()
const say = (message: FromGuest): void => void process.send?.(message)

async function answer({ promptIds, maxTokens }: Extract<ToGuest, { kind: 'ask' }>): Promise<void> {
  const sampling = { ...engine.defaultSampling, temperature: 0 }
  let isFirst = true
  for await (const event of engine.generate({ promptIds, maxTokens, ignoreEos: true, sampling })) {
    if (event.type === 'done') {
      const { tokenIds, failovers, tokensPerSecond } = event.result
      say({ kind: 'answer', tokenIds, failovers, tokensPerSecond })
    } else if (isFirst) {
      isFirst = false
      say({ kind: 'begun' })
    }
  }
}

function handle(asked: ToGuest): Promise<void> | void {
  if (asked.kind === 'ask') return answer(asked)
  const peers = client.status().peers.map(({ peer, path }) => ({ peer, path: path ?? null }))
  say({ kind: 'paths', peers })
}

process.on('message', (asked: ToGuest) => {
  void (async () => handle(asked))().catch((error: unknown) => say({ kind: 'failed', why: String(error) }))
})
say({ kind: 'ready' })
