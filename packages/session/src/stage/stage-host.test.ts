import { withSelf } from '@shoal/network'
import { expect, test } from 'vitest'
import { createFakeRunner } from '@shoal/runtime/testing'
import { fakeManifestId } from '../testing/fake-node.ts'
import { createFakeSwarm } from '../testing/fake-swarm.ts'
import { createStageHost } from './stage-host.ts'

test('a node answers with the incarnation that it has now, not with the one it began with', async () => {
  const swarm = createFakeSwarm()
  const transport = withSelf(swarm.network.createTransport('late'), swarm.clock)
  const life = { manifestId: fakeManifestId, profile: 'f32', numericClass: 'fake', incarnation: 1 }
  const host = createStageHost({ transport, clock: swarm.clock, logger: swarm.logger }, life)
  const range = { start: 0, end: 2 }
  await host.setRunners([createFakeRunner(range, 8)])
  const openAt = (incarnation: number) =>
    swarm.open({
      range,
      route: [
        { peer: 'late', addresses: transport.addresses(), range, incarnation, predictedStepMs: () => 1 },
      ],
    })

  await (await openAt(1)).close()
  life.incarnation = 2
  await expect(openAt(1)).rejects.toMatchObject({
    code: 'not-ready',
    message: expect.stringContaining('names its incarnation 1, but incarnation 2 answered') as unknown,
  })
  const session = await openAt(2)
  expect(await session.forward(swarm.rows(1), { want: 'last' })).toHaveLength(8)
  await session.close()
  await host.close()
})
