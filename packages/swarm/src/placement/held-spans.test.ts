import { createMemoryBudget, ShoalError, silentLogger } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import { decorateRunner } from '@shoal/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHeldSpans, type HeldSpans } from './held-spans.ts'
import { createFakeDevice, smallConfig, type FakeDevice } from '../testing/small-model.ts'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from '../testing/small-swarm.ts'

let swarm: SmallSwarm
let self: SmallPeer
let client: SmallPeer
let device: FakeDevice
let spans: HeldSpans
let lost: BlockRange[]
const { signal } = new AbortController()
const ready = (): Promise<void> => Promise.resolve()

/** State and span in the client's record of this node. */
const announced = (): string => {
  const record = client.membership.members().find((member) => member.record.peerId === 'self')?.record
  return `${record?.state} ${record?.span === null ? 'nothing' : `${record?.span.start}:${record?.span.end}`}`
}

beforeEach(async () => {
  swarm = createSmallSwarm()
  device = createFakeDevice()
  lost = []
  self = await swarm.join('self')
  client = await swarm.join('client', { silent: true })
  await swarm.until(() => client.view.status().peers.every(({ liveness }) => liveness === 'alive'), 5000)
  spans = createHeldSpans(
    {
      clock: swarm.clock,
      logger: silentLogger,
      membership: self.membership,
      stageHost: self.stageHost,
      config: smallConfig,
      device,
      ensureUnits: () => Promise.resolve(),
    },
    {
      memory: createMemoryBudget(2 ** 30),
      onChange: () => undefined,
      onLost: (span) => void lost.push(span),
    },
  )
})
afterEach(async () => {
  await swarm.finished(spans.release())
  await swarm.close()
})

test('a first span that loads is announced, but is neither routed to nor counted as held', async () => {
  const gate = Promise.withResolvers<void>()
  device.before = () => gate.promise
  const taken = spans.take({ start: 2, end: 4 }, signal, ready)
  await swarm.until(() => announced() === 'joining 2:4', 1000)
  expect(client.view.coverage()).toEqual([0, 0, 0, 0, 0, 0])
  expect(client.view.status().peers[0]?.blocks).toBeNull()
  await expect(client.view.find({ start: 2, end: 4 }, new Set())).rejects.toMatchObject({ code: 'no-route' })
  gate.resolve()
  await swarm.finished(taken)
  await swarm.until(() => announced() === 'serving 2:4', 1000)
})

test('a first span that cannot be loaded is withdrawn; later spans are announced only once they are served', async () => {
  device.before = () => Promise.reject(new ShoalError('no-capacity', 'too large'))
  await expect(swarm.finished(spans.take({ start: 2, end: 4 }, signal, ready))).rejects.toMatchObject({
    code: 'no-capacity',
  })
  await swarm.until(() => announced() === 'joining nothing', 1000)
  device.before = () => undefined
  await swarm.finished(spans.take({ start: 0, end: 2 }, signal, ready))
  await swarm.until(() => announced() === 'serving 0:2', 1000)
  const gate = Promise.withResolvers<void>()
  device.before = () => gate.promise
  const moved = spans.take({ start: 2, end: 4 }, signal, ready)
  await swarm.run(1000)
  expect(announced()).toBe('serving 0:2')
  gate.resolve()
  await swarm.finished(moved)
  await swarm.until(() => announced() === 'serving 2:4', 1000)
})

test('a lost span is withdrawn at once, and can be taken again', async () => {
  await swarm.finished(spans.take({ start: 2, end: 4 }, signal, ready))
  await swarm.until(() => announced() === 'serving 2:4', 1000)
  device.lose()
  await swarm.until(() => announced() === 'joining nothing', 1000)
  expect(spans.current()).toBeNull()
  expect(lost).toEqual([{ start: 2, end: 4 }])
  expect(device.loaded.size).toBe(0)
  await swarm.finished(spans.take({ start: 2, end: 4 }, signal, ready))
  await swarm.until(() => announced() === 'serving 2:4', 1000)
})

test('a span that is lost while the next one loads is freed once', async () => {
  await swarm.finished(spans.take({ start: 2, end: 4 }, signal, ready))
  const gate = Promise.withResolvers<void>()
  device.before = () => gate.promise
  const moved = spans.take({ start: 0, end: 2 }, signal, ready)
  device.lose()
  await swarm.until(() => announced() === 'joining nothing', 1000)
  gate.resolve()
  await swarm.finished(moved)
  await swarm.until(() => announced() === 'serving 0:2', 1000)
  expect([...device.loaded]).toEqual(['0:2'])
})

test('a span that is lost while the announcement of the next one fails is not served again', async () => {
  const losing = new AbortController()
  const former = createHeldSpans(
    {
      clock: swarm.clock,
      logger: silentLogger,
      stageHost: self.stageHost,
      config: smallConfig,
      ensureUnits: () => Promise.resolve(),
      device: {
        numericClass: 'fake',
        loadBlocks: async (range, options) => {
          const runner = await device.loadBlocks(range, options)
          return range.start === 2 ? decorateRunner(runner, { lost: losing.signal }) : runner
        },
      },
      membership: {
        announce(announcement) {
          if (announcement.state !== 'serving' || announcement.span?.start !== 0)
            return self.membership.announce(announcement)
          losing.abort()
          return Promise.reject(new ShoalError('internal', 'in vain'))
        },
      },
    },
    {
      memory: createMemoryBudget(2 ** 30),
      onChange: () => undefined,
      onLost: (span) => void lost.push(span),
    },
  )
  await swarm.finished(former.take({ start: 2, end: 4 }, signal, ready))
  await expect(swarm.finished(former.take({ start: 0, end: 2 }, signal, ready))).rejects.toThrow('in vain')
  await swarm.until(() => announced() === 'joining nothing', 1000)
  expect(former.current()).toBeNull()
  expect(lost).toEqual([{ start: 2, end: 4 }])
  expect(device.loaded.size).toBe(0)
})
