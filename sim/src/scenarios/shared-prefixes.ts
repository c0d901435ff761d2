import type { GenerateRequest } from '@shoal/swarm'
import { form } from '../simulator/calm.ts'
import type { FaultKind } from '../simulator/fault-book.ts'
import type { Generation } from '../simulator/generation.ts'
import { makeRequest } from '../simulator/requests.ts'
import type { World } from '../simulator/world.ts'
import { createFaults } from './chaos-faults.ts'
import type { Scenario } from './scenario.ts'
import { must } from './telling.ts'

const clients = ['c0', 'c1']
const rounds = 8
/** Longest prompt that may go on: the tiny model's context ends at 320. */
const promptTokensMax = 220

/** Faults that strike stages in mid-answer, and restarts that bring them back without the rows that they kept. */
const faultKinds: readonly FaultKind[] = ['kill', 'restart', 'kill', 'hang', 'restart', 'corrupt', 'leave']

/** One question and its answer. */
interface Turn {
  readonly client: string
  readonly request: GenerateRequest
  readonly generation: Generation
}

/**
 * Two clients ask what begins with one of three long texts, or go on with an answer, while stages are killed and come
 * back. The tokens of every answer must be those of one process, whatever was reused.
 */
async function play(world: World): Promise<void> {
  const { loop, random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  const upTo = (count: number): number => Math.floor(random.unit() * count)
  const tokens = (count: number): number[] => Array.from({ length: count }, () => upTo(vocabularySize))
  await form(world, clients, world.topology.name === 'tight' ? 1 : undefined)
  const texts = [tokens(40), tokens(96), tokens(40 + upTo(100))]
  const turns: Turn[] = []
  const promptFor = (client: string): number[] => {
    const before = turns.findLast((turn) => turn.client === client && turn.generation.state === 'done')
    const goesOn = before !== undefined && random.unit() < 0.5
    const start = goesOn ? [...before.request.promptIds, ...before.generation.tokens] : texts[upTo(3)]!
    const prompt = [...start, ...tokens(1 + upTo(12))]
    return prompt.length <= promptTokensMax ? prompt : [...texts[0]!, ...tokens(3)]
  }
  const ask = async (client: string): Promise<void> => {
    const made = makeRequest(random, 1, 8 + upTo(24), vocabularySize)
    const request = { ...made, promptIds: promptFor(client) }
    turns.push({ client, request, generation: await world.ask(client, request) })
  }
  const faults = createFaults(world)
  for (let round = 0; round < rounds; round += 1) {
    for (const client of clients) {
      await ask(client)
      // Two answers with the same beginning at once: the second one may begin with rows of an open session.
      if (random.unit() < 0.3) await ask(client)
    }
    await loop.run(100 + upTo(800))
    await faults.mend()
    await faults.strike(faultKinds[upTo(faultKinds.length)]!)
    await loop.until(() => turns.every(({ generation }) => generation.state !== 'running'), 20_000)
  }
  await faults.mendAll()
  must(
    world,
    turns.some(({ generation }) => generation.reused > 0),
    `none of ${turns.length} answers began with rows of an earlier one`,
  )
}

/** Prompts that begin alike, with room for the rows that stages keep, and with hardly any. */
export const prefixScenarios: readonly Scenario[] = [
  {
    name: 'shared-prefixes',
    about: 'prompts with a common beginning, and chats, while stages are killed and come back',
    topology: 'any',
    nodes: 6,
    nodesMin: 5,
    play,
  },
  {
    name: 'shared-prefixes-tight',
    about: 'the same in so little memory that kept rows give way to sessions',
    topology: 'tight',
    model: 'heavy',
    nodes: 4,
    nodesMin: 4,
    play,
  },
]
