import { form } from '../simulator/calm.ts'
import { makeRequest } from '../simulator/requests.ts'
import { topologies, type Topology } from '../simulator/topologies.ts'
import { canSpare } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'

const answerMsMax = 120_000

/** A swarm forms and answers; a stage dies in the middle of the second answer. */
async function play(world: World): Promise<void> {
  const { loop, rules, random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  await form(world, ['c0'])
  for (let turn = 0; turn < 3; turn += 1) {
    const generation = await world.ask('c0', makeRequest(random, 8 + turn * 60, 32, vocabularySize))
    if (turn === 1) {
      await loop.until(() => generation.tokens.length >= 8, answerMsMax)
      const victim = stages(world).find((name) => canSpare(world, new Set([name])))
      if (victim === undefined) rules.violate(`none of ${stages(world).join(' and ')} can be spared`)
      else {
        world.book.begin('kill', victim)
        world.kill(victim)
      }
    }
    if (!(await loop.until(() => generation.state !== 'running', answerMsMax)))
      rules.violate(`answer ${turn} has ${generation.tokens.length} tokens after ${answerMsMax} ms`)
    const ttftMs = (generation.tokenMs[0] ?? Number.POSITIVE_INFINITY) - generation.startMs
    if (ttftMs > world.topology.ttftMsMax)
      rules.violate(
        `the first token of answer ${turn} took ${ttftMs} ms, at most ${world.topology.ttftMsMax} are allowed`,
      )
    if (turn === 1 && generation.failovers === 0)
      rules.violate('a stage died, and no other stage replaced it')
  }
}

/** Names of nodes with sessions, sorted. */
export function stages(world: World): string[] {
  return [...world.nodes].filter(([, { member }]) => member.stageHost.sessions() > 0).map(([name]) => name)
}

export const topologyScenarios: readonly Scenario[] = topologies.map((topology: Topology) => ({
  name: topology.name,
  about: `${topology.about}; three answers, a stage dies in the second`,
  topology: topology.name,
  nodes: 5,
  nodesMin: 4,
  play,
}))
