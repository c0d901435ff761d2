import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import OpenAI from 'openai'
import { connect } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askWhatIf } from './clients/what-if.ts'
import { runDocumented } from './documented.ts'
import { createWorld, root, type Ended, type Up } from './harness.ts'

const execute = promisify(execFile)

interface Generated {
  readonly text: string
  readonly tokenIds: readonly number[]
  readonly route: readonly { readonly peer: string; readonly start: number; readonly end: number }[]
  readonly continuity: string
}
const generated = (ended: Ended): Generated => ended.json() as Generated
interface DemoCase {
  readonly prompt: string
  readonly answer: string
  readonly leads: readonly number[]
}

const { cases } = JSON.parse(readFileSync(join(root, 'packages', 'demo-model', 'golden.json'), 'utf8')) as {
  cases: readonly DemoCase[]
}
const whoAreYou = cases.find(({ prompt }) => prompt === 'Who are you?')!
const key = 'a-key-of-this-test'

describe('the demo model over three real processes', () => {
  const world = createWorld()
  const nodes: Up[] = []
  const firstFolder = world.folder('a')

  beforeAll(async () => {
    nodes.push(
      await world.up([
        '--model',
        'demo',
        '--blocks',
        '0:2',
        '--data',
        firstFolder,
        '--api',
        '127.0.0.1:0',
        '--api-key',
        key,
      ]),
    )
    const join = ['--join', nodes[0]!.address]
    nodes.push(
      ...(await Promise.all([
        world.up([...join, '--blocks', '2:4', '--data', world.folder('b')]),
        world.up([...join, '--blocks', '4:6', '--data', world.folder('c')]),
      ])),
    )
  })
  afterAll(() => world.close())

  it('answers as in golden.json, and as one process does, to a prompt on standard input beside a running node', async () => {
    const words = ['--temperature', '0', '--json']
    const [swarm, local] = [
      await world.run(['generate', ...words, '--data', firstFolder], { input: 'Who are you?\n' }),
      await world.run(['generate', 'Who are you?', ...words, '--model', 'demo', '--local']),
    ]
    expect(swarm.code, swarm.stderr).toBe(0)
    expect(generated(swarm).text).toBe(whoAreYou.answer)
    expect(generated(swarm).route).toHaveLength(3)
    expect(new Set(generated(swarm).route.map(({ peer }) => peer)).size).toBe(3)
    expect(generated(swarm).continuity).toBe('identical')
    expect(generated(local).text).toBe(whoAreYou.answer)
    expect(generated(local).tokenIds).toEqual(generated(swarm).tokenIds)
  })

  it('runs the commands of README, tutorial and how-tos, all of which somebody runs', () =>
    runDocumented(world, nodes[1]!.address, firstFolder))

  it('draws the same tokens from the same seed at every node', async () => {
    const words = [
      'Tell me a story.',
      '--model',
      'demo',
      '--temperature',
      '0.9',
      '--seed',
      '7',
      '--max-tokens',
      '48',
      '--json',
    ]
    const [swarm, local] = [
      await world.run(['generate', ...words, '--join', nodes[1]!.address]),
      await world.run(['generate', ...words, '--local']),
    ]
    expect(generated(swarm).tokenIds).toEqual(generated(local).tokenIds)
  })

  it('draws the same tokens for a client that holds neither embedding nor head', async () => {
    const folder = world.folder('thin')
    const { address } = nodes[0]!
    const options = { temperature: 1.1, seed: 5, maxTokens: 24 }
    const thin = await connect({ join: [address], placement: 'thin', dataFolder: folder })
    try {
      const local = await connect({ model: 'demo', local: true, dataFolder: world.folder('whole') })
      try {
        for (const more of [{ topP: 0.9 }, { topK: 5 }, { temperature: 0 }]) {
          const [here, there] = await Promise.all(
            [local, thin].map((client) => client.generate('Tell me a story.', { ...options, ...more })),
          )
          expect(there?.tokenIds).toEqual(here?.tokenIds)
        }
      } finally {
        await local.close()
      }
    } finally {
      await thin.close()
    }
    const files = readdirSync(folder, { recursive: true }).map(String)
    expect(files.some((file) => file.endsWith('manifest.cbor'))).toBe(true)
    expect(files.filter((file) => file.endsWith('.bin'))).toEqual([])
  })

  it('serves the openai client, with and without streaming', async () => {
    const openai = new OpenAI({ baseURL: `${nodes[0]!.ready.api}/v1`, apiKey: key })
    const { data } = await openai.models.list()
    expect(data.map(({ id }) => id)).toEqual(['demo'])
    const messages = [{ role: 'user' as const, content: 'Who are you?' }]
    const whole = await openai.chat.completions.create({ model: 'demo', messages, temperature: 0 })
    expect(whole.choices[0]?.message.content).toBe(whoAreYou.answer)
    expect(whole.choices[0]?.finish_reason).toBe('stop')
    expect(whole.usage?.prompt_tokens).toBe(12)
    let streamed = ''
    for await (const chunk of await openai.chat.completions.create({
      model: 'demo',
      messages,
      temperature: 0,
      stream: true,
    }))
      streamed += chunk.choices[0]?.delta.content ?? ''
    expect(streamed).toBe(whoAreYou.answer)
    const completion = await openai.completions.create({
      model: 'demo',
      prompt: 'Once upon a time',
      max_tokens: 8,
      temperature: 0,
      logprobs: 2,
    })
    expect(completion.choices[0]?.logprobs?.tokens).toHaveLength(8)
    await expect(
      new OpenAI({ baseURL: `${nodes[0]!.ready.api}/v1`, apiKey: 'wrong', maxRetries: 0 }).models.list(),
    ).rejects.toMatchObject({ status: 401 })
  })

  it('says what the swarm would do with other devices', () =>
    askWhatIf(
      `${nodes[0]!.ready.api}/swarm/what-if`,
      key,
      nodes.map(({ ready }) => ready.peerId),
    ))

  it('serves the SDK', async () => {
    const swarm = await connect({ model: 'demo', join: [nodes[2]!.address], dataFolder: world.folder('sdk') })
    try {
      let text = ''
      for await (const part of swarm.chat([{ role: 'user', content: 'Who are you?' }], { temperature: 0 }))
        text += part.text
      expect(text).toBe(whoAreYou.answer)
      const { usage, route } = await swarm.generate('Once upon a time', { temperature: 0, maxTokens: 4 })
      expect(usage.completionTokens).toBe(4)
      expect(route).toHaveLength(3)
      const whole = await swarm.forward([1, 277, 13])
      expect(whole.logits).toHaveLength(3 * whole.vocabularySize)
      const part = await swarm.forward([1, 277, 13], { layers: [0, 4] })
      expect(part.hiddenStates).toHaveLength(3 * part.hiddenSize)
      expect(part.logits).toBeNull()
    } finally {
      await swarm.close()
    }
  })

  it('runs the examples: the SDK, hidden states over HTTP, the openai client, the AI SDK, and a loop with tools', async () => {
    const env = {
      SHOAL_JOIN: nodes[2]!.address,
      SHOAL_DATA: world.folder('examples'),
      SHOAL_API: nodes[0]!.ready.api!,
      SHOAL_API_KEY: key,
      OPENAI_BASE_URL: `${nodes[0]!.ready.api}/v1`,
      OPENAI_API_KEY: key,
    }
    const run = async (name: string): Promise<string> =>
      (
        await execute(process.execPath, [join(root, 'examples', name)], {
          env: { ...process.env, ...env },
        })
      ).stdout
    const [chat, probe, openai, agent, aiSdk] = await Promise.all(
      ['chat.ts', 'probe.ts', 'openai.ts', 'agent.ts', 'ai-sdk.ts'].map(run),
    )
    expect(chat).toMatch(new RegExp(`^${whoAreYou.answer}\n\\d+ tokens by 3 peers\n$`))
    expect(probe).toMatch(/^(after block [135]: \d+\.\d{3}\n){3}next token: \d+\n$/)
    expect([openai, aiSdk]).toEqual([`${whoAreYou.answer}\n`, `${whoAreYou.answer}\n`])
    expect(agent).toMatch(/^(\w+\(.*\) = .*\n)*answer: ./)
  })

  it('shows the same swarm at every node', async () => {
    type View = {
      snapshotHash: string
      planHash: string
      coverage: number[]
      covered: boolean
      peers: unknown[]
    }
    const look = async (): Promise<View[]> => {
      const views = await Promise.all(
        nodes.map(({ address }) => world.run(['status', '--join', address, '--json'])),
      )
      return views.map((view) => view.json() as View)
    }
    // Peers announce links some beats after a join, and changed measurements at pauses that double. On a busy machine three
    // `status` commands take 10 s, so that a look may fall into several announcements before the swarm is at rest.
    await expect
      .poll(
        async () => {
          const seen = await look()
          return new Set(seen.map(({ snapshotHash, planHash }) => `${snapshotHash} ${planHash}`)).size
        },
        { timeout: 90_000, interval: 500 },
      )
      .toBe(1)
    for (const view of await look()) {
      expect(view).toMatchObject({ coverage: [1, 1, 1, 1, 1, 1], covered: true })
      expect(view.peers).toHaveLength(3)
    }
  }, 120_000)

  it('refuses other weights and other models with a sentence that names both', async () => {
    const join = ['--join', nodes[0]!.address]
    const weights = await world.run(['generate', 'Hello', '--model', 'demo', '--weights', 'int4:32', ...join])
    expect(weights.code).toBe(1)
    expect(weights.stderr).toMatch(/int4:32.*f32/)
    const joiner = await world.run([
      'up',
      ...join,
      '--weights',
      'int8',
      '--kv',
      'int8',
      '--data',
      world.folder('int8'),
    ])
    expect(joiner.code).toBe(1)
    expect(joiner.stderr).toMatch(/int8:32\+kv-int8 is asked for \(--weights and --kv\).*with f32/)
    const manifest = await world.run([
      'up',
      ...join,
      '--model',
      join_('golden', 'llama'),
      '--data',
      world.folder('llama'),
    ])
    expect(manifest.code).toBe(1)
    expect(manifest.stderr).toContain(nodes[0]!.ready.manifest.slice(0, 12))
    expect(manifest.stderr).toMatch(/llama \(manifest [0-9a-f]{12}/)
  })

  it('leaves cleanly, and the other nodes report that', async () => {
    const spare = await world.up([
      '--join',
      nodes[0]!.address,
      '--blocks',
      '0:6',
      '--data',
      world.folder('spare'),
    ])
    const heard = (event: string) =>
      nodes[1]!.until((line) => line.event === event && line.peer === spare.ready.peerId)
    await heard('peer-joined')
    const left = heard('peer-left')
    expect(await spare.stop('SIGTERM')).toBe(0)
    await left
  })
})

function join_(...parts: string[]): string {
  return join(root, 'test', ...parts)
}
