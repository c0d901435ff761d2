import type { GenerateRequest } from '@shoal/swarm'
import type { Generation } from '../simulator/generation.ts'
import { makeRequest } from '../simulator/requests.ts'
import { canSpare } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import { stages } from './topology.ts'

/** No answer of a simulated swarm takes longer, whatever faults strike. */
const answerMsMax = 120_000

/** Records a violation when a scenario's condition does not hold. */
export function must(world: World, holds: boolean, sentence: string): void {
  if (!holds) world.rules.violate(sentence)
}

export function request(world: World, promptTokens = 12, maxTokens = 32): GenerateRequest {
  return makeRequest(
    world.random,
    promptTokens,
    maxTokens,
    world.model.manifest.manifest.config.vocabularySize,
  )
}

/** Waits for the whole answer, or the error that ends it. */
export async function finished(world: World, generation: Generation): Promise<Generation> {
  must(
    world,
    await world.loop.until(() => generation.state !== 'running', answerMsMax),
    `an answer has ${generation.tokens.length} tokens after ${answerMsMax} ms`,
  )
  return generation
}

/** Generates an answer of `c0`, and acts when it has a given number of tokens. */
export async function answerWhile(
  world: World,
  atToken: number,
  act: (generation: Generation) => void | Promise<void>,
  options: { asked?: GenerateRequest; mayFail?: boolean } = {},
): Promise<Generation> {
  const generation = await world.ask('c0', options.asked ?? request(world), options.mayFail)
  await world.loop.until(
    () => generation.tokens.length >= atToken || generation.state !== 'running',
    answerMsMax,
  )
  await act(generation)
  return finished(world, generation)
}

/** A stage of the running answer whose blocks another node holds too. */
export function someStage(world: World): string {
  const found = stages(world).find((name) => canSpare(world, new Set([name])))
  if (found === undefined) throw new Error(`none of ${stages(world).join(', ')} can be spared`)
  return found
}
