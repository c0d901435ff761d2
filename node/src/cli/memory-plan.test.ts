import { silentLogger } from '@shoal/host'
import { modelCosts } from '@shoal/planner'
import { loadSwarm } from '../swarm-port.ts'
import { expect, test } from 'vitest'
import { memoryPlan, sessionsAtOnce } from './memory-plan.ts'

test('three processes have room for four answers of the demo model, and none could hold the model alone', async () => {
  const { memoryBytes, sessionMemoryBytes, wholeBytes, blockCount } = await memoryPlan({
    model: 'demo',
    processes: 3,
    logger: silentLogger,
    signal: new AbortController().signal,
  })
  const reference = await (await loadSwarm()).openReference('demo')
  const costs = modelCosts(reference.source.config, reference.defaultProfile)
  await reference.source.close()
  const blocks = blockCount / 3
  const answerBytes = costs.contextLength * (costs.rowBytes + blocks * costs.cacheBytesPerTokenPerBlock)
  expect(Math.floor((memoryBytes + sessionMemoryBytes - blocks * costs.blockBytes) / answerBytes)).toBe(
    sessionsAtOnce,
  )
  expect(memoryBytes + sessionMemoryBytes).toBeLessThan(wholeBytes)
})
