import { openHardware, type HardwareRecord } from '@shoal/membership'
import type { Directory, Transport } from '@shoal/network'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { createDirectoryHabitat, otherManifest, type DirectoryHabitat } from '../testing/directory-world.ts'
import { smallManifest } from '../testing/small-model.ts'
import { settle } from '../testing/virtual-time.ts'
import { manifestTopic, modelTopic } from './topics.ts'

const manifest = smallManifest()
const never = new AbortController().signal
let world: DirectoryHabitat

beforeEach(() => {
  world = createDirectoryHabitat()
})
afterEach(() => world.close())

/** Runs the world until it is known. */
async function answer<Value>(promise: Promise<Value>): Promise<Value> {
  await world.run(50)
  return promise
}
async function named(directory: Directory, topic = manifestTopic(manifest.id)): Promise<string[]> {
  return answer(
    (async () => {
      const found: string[] = []
      for await (const { peerId } of directory.providers(topic, { signal: never })) found.push(peerId)
      return found.sort()
    })(),
  )
}
async function wordOf(
  owner: string,
  { directory, transport }: { directory: Directory; transport: Transport },
): Promise<HardwareRecord | null> {
  const bytes = await answer(directory.find(owner, { signal: never }))
  return bytes === null
    ? null
    : openHardware(owner, bytes, (peer, body, signature) => transport.verify(peer, body, signature))
}

describe('the announcement of a node', () => {
  test('is found by a stranger through a node of another model, and follows what it serves', async () => {
    await world.node('bootstrap', otherManifest())
    const alice = await world.node('alice', manifest, { bootstrap: 'bootstrap' })
    const stranger = await world.stranger('stranger', 'bootstrap')
    expect(await named(stranger.directory)).toEqual(['alice'])
    expect(await named(stranger.directory, modelTopic(manifest.manifest))).toEqual(['alice'])
    expect(await named(stranger.directory, manifestTopic(otherManifest().id))).toEqual(['bootstrap'])
    expect(await wordOf('alice', stranger)).toMatchObject({
      manifest: manifest.id,
      model: 'small',
      member: { peerId: 'alice', state: 'joining', span: null },
    })

    await alice.membership.announce({ state: 'serving', span: { start: 0, end: 2 } })
    await world.run(swarmLimits.directoryChangeMs + 100)
    expect(await wordOf('alice', stranger)).toMatchObject({
      member: { state: 'serving', span: { start: 0, end: 2 }, addresses: alice.transport.addresses() },
    })

    await answer(alice.publisher.leave(never))
    expect(await wordOf('alice', stranger)).toMatchObject({ member: { state: 'left', span: null } })
  })

  test('replaces that of its life before a restart', async () => {
    await world.node('bootstrap', otherManifest())
    await world.node('alice', manifest, { bootstrap: 'bootstrap', incarnation: 7 })
    await world.kill('alice')
    const stranger = await world.stranger('stranger', 'bootstrap')
    expect(await wordOf('alice', stranger)).toMatchObject({ member: { incarnation: 7 } })
    await world.node('alice', manifest, { bootstrap: 'bootstrap', incarnation: 8 })
    await world.run(100)
    expect(await wordOf('alice', stranger)).toMatchObject({ member: { incarnation: 8, seq: 1 } })
  })

  test('is published again, at first more often, then every turn, and so never expires', async () => {
    await world.node('bootstrap', otherManifest())
    const alice = await world.node('alice', manifest, { bootstrap: 'bootstrap' })
    await world.run(100)
    const stranger = await world.stranger('stranger', 'bootstrap')
    const first = (await wordOf('alice', stranger))?.member.seq ?? 0
    // Simulating an hour of beats would take long, so only the publisher's time passes.
    await alice.membership.close()
    for (let second = 0; second < 3600; second += 1) {
      world.clock.advance(1000)
      await settle(20)
    }
    const last = (await wordOf('alice', stranger))?.member.seq ?? 0
    expect(await named(stranger.directory)).toEqual(['alice'])
    expect(last - first).toBeGreaterThanOrEqual(5)
    expect(last - first).toBeLessThanOrEqual(11)
  })

  test('waits for the first peer of the directory, and is then published at once', async () => {
    const alice = await world.node('alice', manifest)
    await world.run(1000)
    expect(alice.publisher.providers()).toBeNull()
    await world.stranger('asker', 'alice')
    await world.node('late', otherManifest(), { bootstrap: 'alice' })
    await world.run(swarmLimits.directoryChangeMs + 100)
    expect(alice.publisher.providers()).toBe(0)
  })
})

test('members announce nothing among themselves, and themselves at once when somebody else comes', async () => {
  const alice = await world.node('alice', manifest)
  const bob = await world.node('bob', manifest, { bootstrap: 'alice' })
  await world.run(3000)
  expect(alice.membership.snapshot().members).toHaveLength(2)
  const told = [alice, bob].map(({ directory }) => vi.spyOn(directory, 'provide'))
  for (const { membership } of [alice, bob]) await membership.close()
  for (let second = 0; second < 300; second += 1) {
    world.clock.advance(1000)
    await settle(20)
  }
  expect(told.map((spy) => spy.mock.calls.length)).toEqual([0, 0])
  expect(alice.publisher.providers()).toBeNull()
  const late = await world.node('late', otherManifest(), { bootstrap: 'alice' })
  await world.run(swarmLimits.directoryChangeMs + 100)
  expect(await named(late.directory)).toEqual(['alice', 'bob'])
})

test('two parts of a swarm without connections find each other', async () => {
  await world.node('bootstrap', otherManifest())
  const alice = await world.node('alice', manifest, { bootstrap: 'bootstrap' })
  const bob = await world.node('bob', manifest, { bootstrap: 'bootstrap' })
  await world.run(3000)
  for (const { membership } of [alice, bob])
    expect(membership.snapshot().members.map(({ peerId }) => peerId)).toEqual(['alice', 'bob'])
  expect(bob.publisher.providers()).toBe(1)
})
