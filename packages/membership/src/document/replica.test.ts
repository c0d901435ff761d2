import { createVirtualClock, seededRandom } from '@shoal/host'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { afterEach, describe, expect, test } from 'vitest'
import { sealRecord } from '../records/seal.ts'
import { settle } from '../testing/event-timeline.ts'
import { memberRecord } from '../testing/member-record.ts'
import { createWorld, swarmName, type World } from '../testing/world.ts'
import { Replica } from './replica.ts'

let world: World | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

describe('the document', () => {
  const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })

  async function say(
    replica: Replica,
    transport: Transport,
    incarnation: number,
    seq: number,
  ): Promise<Uint8Array> {
    return replica.put(
      await sealRecord(
        transport,
        swarmName,
        memberRecord(transport.peerId, { incarnation, seq, writer: replica.writer, clock: replica.clock }),
      ),
    )
  }

  test('does not grow over 10,000 updates by 100 peers', async () => {
    const transports = Array.from({ length: 100 }, (_, index) => network.createTransport(`flat-${index}`))
    const replicas = transports.map(
      (signer, index) =>
        new Replica({ signer, random: seededRandom(index + 1), isGone: () => false }, swarmName, 1 << 30),
    )
    const reader = new Replica(
      { signer: transports[0]!, random: seededRandom(1000), isGone: () => false },
      swarmName,
      1 << 30,
    )
    let sizeAfterFirst = 0
    for (let seq = 1; seq <= 100; seq += 1) {
      for (const [index, replica] of replicas.entries())
        await reader.receive(await say(replica, transports[index]!, 1, seq))
      if (seq === 1) sizeAfterFirst = reader.byteLength()
    }
    expect(reader.roster.size).toBe(100)
    expect(reader.roster.all().every(({ record }) => record.seq === 100)).toBe(true)
    expect(reader.byteLength()).toBeLessThan(sizeAfterFirst * 1.2)
  })

  test('is overgrown after many restarts, and small again after a rotation', async () => {
    const transport = network.createTransport('restarter')
    const reader = new Replica(
      { signer: transport, random: seededRandom(1), isGone: () => false },
      swarmName,
      4096,
    )
    let before: Uint8Array | undefined
    let restarts = 0
    while (!reader.isOvergrown()) {
      restarts += 1
      expect(restarts).toBeLessThan(1000)
      const life = new Replica(
        { signer: transport, random: seededRandom(restarts + 1), isGone: () => false },
        swarmName,
        4096,
      )
      if (before !== undefined) await life.receive(before)
      await reader.receive(await say(life, transport, restarts, 1))
      before = reader.missing(Uint8Array.of(0))
    }
    expect(reader.byteLength()).toBeGreaterThan(4096)
    reader.rotate()
    expect(reader.name).toBe(`${swarmName}/1`)
    expect(reader.byteLength()).toBeLessThan(16)
    expect(reader.roster.get('restarter')?.record.incarnation).toBe(restarts)
  })

  test('rotates on all peers: every owner writes its record into the new document, and no peer counts as dead', async () => {
    world = createWorld(3)
    for (const name of ['a', 'b', 'c'])
      await world.join(name, name === 'a' ? undefined : 'a', { rotateAtBytes: 2048 })
    await world.run(5000)
    for (let incarnation = 2; incarnation < 40; incarnation += 1) {
      await world.kill('c')
      await world.run(100)
      await world.join('c', 'a', { incarnation, rotateAtBytes: 2048 })
      await world.run(400)
    }
    await world.run(5000)
    await settle()
    expect(world.alive('a')).toEqual(['a@1', 'b@1', 'c@39'])
    expect(world.alive('b')).toEqual(['a@1', 'b@1', 'c@39'])
    expect(world.alive('c')).toEqual(['a@1', 'b@1', 'c@39'])
    for (const { membership, events } of world.inhabitants.values()) {
      expect(membership.documentBytes()).toBeLessThan(4096)
      expect(events.filter(({ type }) => type === 'self-expired' || type === 'peer-shut-out')).toEqual([])
    }
  })
})
