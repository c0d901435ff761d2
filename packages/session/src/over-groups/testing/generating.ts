import type { GroupBench } from '@shoal/group/testing'
import { silentLogger, sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { settled } from '@shoal/host/testing'
import { createSampler } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { BlockRunner } from '@shoal/runtime'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createCoordinator } from '../../coordinator/coordinator.ts'
import { generateTokens } from '../../generation/generate.ts'
import type { HiddenSession, RouteStage } from '../../route/types.ts'
import { createStageHost, type StageHost } from '../../stage/stage-host.ts'

export const model = 'llama'
export const whole = { start: 0, end: 3 }

const { cases } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../../../test/golden', model, 'golden.json'), 'utf8'),
) as { cases: { prompt: number[]; greedy: number[] }[] }
export const golden = cases[0]!

export interface Generated {
  readonly ids: readonly number[]
  /** The first bytes of each token's logits. */
  readonly bits: string
}

/** @param onToken called after each token */
export async function generate(
  { device }: GroupBench,
  session: HiddenSession,
  maxTokens: number,
  onToken: (count: number) => Promise<void> | void = () => undefined,
): Promise<Generated> {
  const [embedding, head] = [await device.loadEmbedding(), await device.loadHead()]
  const sampler = createSampler({ temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }, 320)
  const ids: number[] = []
  let bits = ''
  for await (const token of generateTokens({
    session,
    embedding,
    head,
    sampler,
    promptIds: golden.prompt,
    maxTokens,
    chunkRows: 5,
  })) {
    ids.push(token.tokenId)
    bits += Buffer.from(token.logits.slice().buffer).toString('base64').slice(0, 200)
    await onToken(ids.length)
  }
  return { ids, bits }
}

/** Lets virtual time pass until the promise settles. Files and threads answer in the real event loop. */
export async function finished<T>({ clock }: GroupBench, promise: Promise<T>): Promise<T> {
  let over = false
  const end = (): void => void (over = true)
  promise.then(end, end)
  while (!over) {
    await settled(3000)
    await sleep(systemClock, 0)
    if (!over) clock.advance(10)
  }
  return promise
}

/** A stage host that serves one runner, and how a route names it. */
export async function stageOf(
  bench: GroupBench,
  node: Transport,
  runner: BlockRunner,
): Promise<{ readonly host: StageHost; readonly stage: RouteStage }> {
  const host = createStageHost(
    { transport: node, clock: bench.clock, logger: silentLogger },
    {
      manifestId: bench.manifestId,
      profile: bench.profile,
      numericClass: bench.device.numericClass,
      incarnation: 1,
    },
  )
  await host.setRunners([runner])
  return {
    host,
    stage: {
      peer: node.peerId,
      addresses: node.addresses(),
      range: runner.range,
      incarnation: 1,
      predictedStepMs: () => 10,
    },
  }
}

export interface GeneratedOverRoute extends Generated {
  readonly failovers: number
  readonly moves: number
  readonly continuity: string
  readonly ranks: readonly number[]
  /** Names of the events that the coordinator has logged. */
  readonly events: readonly string[]
}

/**
 * Generates the golden answer over a route.
 * @param disturb called after the sixth token
 * @param other the stage that a search for another route finds; null when it finds none
 */
export async function generateThrough(
  bench: GroupBench,
  route: readonly RouteStage[],
  disturb: () => void = () => undefined,
  other: RouteStage | null = null,
): Promise<GeneratedOverRoute> {
  const name = `coordinator-${other?.peer ?? 'calm'}`
  const events: string[] = []
  const logger = { ...silentLogger, info: (event: string) => void events.push(event) }
  const transport = bench.network.createTransport(name)
  const coordinator = createCoordinator({ transport, clock: bench.clock, logger })
  const session = await coordinator.open({
    session: `of-${name}`,
    manifestId: bench.manifestId,
    profile: bench.profile,
    hiddenSize: 64,
    range: whole,
    route,
    routes: { find: async () => (other === null ? [] : [other]) },
    tokenBudget: 100,
  })
  const found = await finished(
    bench,
    generate(bench, session, golden.greedy.length, (count) => {
      if (count === 6) disturb()
    }),
  )
  const { failovers, moves, continuity } = session
  const ranks = session.route().map((stage) => stage.ranks)
  await session.close()
  return { ...found, failovers, moves, continuity, ranks, events }
}
