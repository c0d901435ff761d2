import * as fc from 'fast-check'
import { seededRandom, type ShoalError } from '@shoal/host'
import { createMemoryNetwork, type Channel, type Transport } from '@shoal/network'
import { encodeMembers, limits, protocols, type MembersMessage } from '@shoal/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { memberLimits } from './limits.ts'
import type { MemberRecord } from './record.ts'
import { createReplica, type Replica } from './replica.ts'
import { sealBeat, sealRecord, type SealedRecord } from './seal.ts'
import { inspectUpdate, rootName } from './update-grammar.ts'
import { createWorld, settle, swarmName, type World } from './testing/world.ts'
import { createVirtualClock } from '@shoal/host'

/** A vandal: it has a key, a channel, and a yjs document of its own without any of our checks. */
interface Vandal {
  readonly transport: Transport
  readonly doc: Y.Doc
  send(message: MembersMessage): Promise<void>
  readonly channel: Channel
}

let world: World | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

async function join(world: World, name: string): Promise<Vandal> {
  const transport = world.network.createTransport(name)
  const doc = new Y.Doc()
  doc.clientID = 666
  const dialled = transport.dial('/memory/a/p2p/a', { signal: new AbortController().signal })
  await world.run(10)
  await dialled
  const opened = transport.open('a', protocols.members, { signal: new AbortController().signal })
  await world.run(10)
  const channel = await opened
  channel.onFrame(() => undefined)
  return {
    transport,
    doc,
    channel,
    async send(message) {
      channel.send(...encodeMembers(message)).catch(() => undefined)
      await world.run(10)
    },
  }
}

const record = (peerId: string, more: Partial<MemberRecord> = {}): MemberRecord => ({
  peerId,
  incarnation: 1,
  seq: 1,
  writer: 666,
  clock: 0,
  state: 'serving',
  span: { start: 0, end: 1 },
  hardware: {
    memoryBytes: 1,
    decodeMicrosPerBlock: 1,
    prefillMicrosPerRowBlock: 1,
    bandwidthBytesPerSecond: 0,
    device: 'cpu',
    threads: 1,
  },
  numericClass: 'none',
  addresses: [],
  version: '',
  links: {},
  ...more,
})

const document = `${swarmName}/0`

async function pair(): Promise<World> {
  world = createWorld(1)
  await world.join('a')
  await world.join('b', 'a')
  await world.until(() => world!.alive('a').length === 2 && world!.alive('b').length === 2, 5000)
  return world
}

describe('a vandal', () => {
  test('cannot speak for another peer, delete it, or sign at another place', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    const before = here.inhabitants.get('b')!.membership.members()
    const seal = (signed: MemberRecord): Promise<SealedRecord> =>
      sealRecord(vandal.transport, swarmName, signed)
    const write = (key: string, bytes: Uint8Array): Uint8Array => {
      const doc = new Y.Doc()
      doc.clientID = 666
      doc.getMap(rootName).set(key, bytes)
      return Y.encodeStateAsUpdate(doc)
    }
    const deletion = (): Uint8Array => {
      const victim = new Y.Doc()
      const writer = here.inhabitants
        .get('b')!
        .membership.members()
        .find(({ record }) => record.peerId === 'b')!.record.writer
      victim.clientID = writer
      for (let clock = 0; clock < 3; clock += 1) victim.getMap(rootName).set('b', Uint8Array.of(clock))
      victim.getMap(rootName).delete('b')
      const whole = Y.encodeStateAsUpdate(victim)
      // Only the delete set: nothing of the items.
      return Y.diffUpdate(whole, Y.encodeStateVector(victim))
    }
    const attempts: [string, Uint8Array][] = [
      ['a forged record of b', write('b', (await seal(record('b', { incarnation: 99 }))).bytes)],
      ['its own record under the key of b', write('b', (await seal(record('v'))).bytes)],
      ['its own record at another clock', write('v', (await seal(record('v', { clock: 7 }))).bytes)],
      ['a value that is no record', write('b', Uint8Array.of(1, 2, 3))],
      ['the deletion of b', deletion()],
    ]
    for (const [name, update] of attempts) {
      await vandal.send({ type: 'update', document, update })
      expect(here.inhabitants.get('a')!.membership.members(), name).toEqual(before)
      expect(here.inhabitants.get('b')!.membership.members(), name).toEqual(before)
    }
    // Every attempt counted; at the limit the vandal is out.
    for (let more = attempts.length; more < memberLimits.maxMisbehaviour; more += 1)
      await vandal.send({ type: 'update', document, update: attempts[0]![1] })
    expect(here.inhabitants.get('a')!.events.filter(({ type }) => type === 'peer-shut-out')).toHaveLength(1)
    expect(vandal.channel.closed).toBe(true)
    await here.run(15_000)
    expect(here.alive('b')).toEqual(['a@1', 'b@1'])
  })

  test('cannot send beats for another peer, nor make it a new incarnation more than once in a lease', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    await vandal.send(
      await sealBeat(vandal.transport, swarmName, 'b', {
        incarnation: 50,
        beat: 1,
        sessions: 0,
        busyPermille: 0,
      }),
    )
    expect(here.alive('a')).toContain('b@1')
    for (let echo = 0; echo < 5; echo += 1) {
      const incarnation = here.inhabitants.get('a')!.membership.incarnation
      await vandal.send(
        await sealBeat(vandal.transport, swarmName, 'a', {
          incarnation,
          beat: 1,
          sessions: 0,
          busyPermille: 0,
        }),
      )
    }
    expect(here.inhabitants.get('a')!.membership.incarnation).toBeLessThanOrEqual(2)
    await here.run(3000)
    expect(here.alive('b')).toHaveLength(2)
  })

  test('is cut off when it talks more than a neighbour may', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    const state = encodeMembers({ type: 'state', document, stateVector: Uint8Array.of(0) })
    for (let count = 0; count < 40; count += 1) vandal.channel.send(...state).catch(() => undefined)
    await here.run(20)
    expect(here.inhabitants.get('a')!.events.filter(({ type }) => type === 'peer-shut-out')).toHaveLength(1)
    await here.run(12_000)
    expect(here.alive('a')).toEqual(['a@1', 'b@1'])
  })
})

describe('any bytes', () => {
  test('are refused with bad-frame, or hold nothing but bounded items', () => {
    const doc = new Y.Doc()
    doc.clientID = 1
    for (let seq = 0; seq < 5; seq += 1)
      doc.getMap(rootName).set(`peer-${seq % 2}`, new Uint8Array(80).fill(seq))
    const honest = Y.encodeStateAsUpdate(doc)
    const damaged = fc
      .tuple(fc.nat(honest.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(honest.length))
      .map(([at, byte, length]) => {
        const bytes = honest.slice(0, length)
        if (at < length) bytes[at] = byte
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        try {
          expect(inspectUpdate(bytes).items.length).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect((error as ShoalError).code).toBe('bad-frame')
        }
      }),
      { numRuns: 3000, seed: 5 },
    )
    expect(inspectUpdate(honest).items.filter(({ value }) => value !== undefined)).toHaveLength(2)
    expect(() => inspectUpdate(new Uint8Array(limits.maxMembershipUpdateBytes + 1))).toThrow('over the limit')
  })

  test.each([
    ['text', (doc: Y.Doc) => doc.getText(rootName).insert(0, 'x')],
    ['a nested map', (doc: Y.Doc) => doc.getMap(rootName).set('v', new Y.Map())],
    ['a string', (doc: Y.Doc) => doc.getMap(rootName).set('v', 'x')],
    ['another root', (doc: Y.Doc) => doc.getMap('other').set('v', new Uint8Array(1))],
    ['a long key', (doc: Y.Doc) => doc.getMap(rootName).set('v'.repeat(200), new Uint8Array(1))],
  ])('%s in a document are refused', (_, write) => {
    const doc = new Y.Doc()
    write(doc)
    expect(() => inspectUpdate(Y.encodeStateAsUpdate(doc))).toThrow('refused')
  })
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
        record(transport.peerId, { incarnation, seq, writer: replica.writer, clock: replica.clock }),
      ),
    )
  }

  test('stays flat over 10,000 updates by 100 peers', async () => {
    const transports = Array.from({ length: 100 }, (_, index) => network.createTransport(`flat-${index}`))
    const replicas = transports.map((signer, index) =>
      createReplica({ signer, random: seededRandom(index + 1), isGone: () => false }, swarmName, 1 << 30),
    )
    const reader = createReplica(
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

  test('asks for rotation after restarts have left their remains in it, and is small again', async () => {
    const transport = network.createTransport('restarter')
    const reader = createReplica(
      { signer: transport, random: seededRandom(1), isGone: () => false },
      swarmName,
      4096,
    )
    let before: Uint8Array | undefined
    let restarts = 0
    while (!reader.isOvergrown()) {
      restarts += 1
      expect(restarts).toBeLessThan(1000)
      const life = createReplica(
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

  test('rotates for all: every owner writes itself into the new one, and nobody dies of it', async () => {
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
