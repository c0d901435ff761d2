import * as fc from 'fast-check'
import type { ShoalError } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { encodeMembers, limits, protocols, type MembersMessage } from '@shoal/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { memberLimits } from './limits.ts'
import type { MemberRecord } from './records/record.ts'
import { sealBeat, sealRecord, type SealedRecord } from './records/seal.ts'
import { inspectUpdate, rootName } from './document/update-grammar.ts'
import { memberRecord } from './testing/member-record.ts'
import { createWorld, swarmName, type World } from './testing/world.ts'

/** A hostile peer: it has a key, a channel, and a yjs document of its own without any checks. */
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

const document = `${swarmName}/0`

async function pair(): Promise<World> {
  world = createWorld(1)
  await world.join('a')
  await world.join('b', 'a')
  await world.until(() => world!.alive('a').length === 2 && world!.alive('b').length === 2, 5000)
  return world
}

describe('a hostile peer', () => {
  test('cannot write or delete the record of another peer, nor place its own where it did not sign it', async () => {
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
      ['a forged record of b', write('b', (await seal(memberRecord('b', { incarnation: 99 }))).bytes)],
      ['its own record under the key of b', write('b', (await seal(memberRecord('v'))).bytes)],
      ['its own record at another clock', write('v', (await seal(memberRecord('v', { clock: 7 }))).bytes)],
      ['a value that is not a record', write('b', Uint8Array.of(1, 2, 3))],
      ['the deletion of b', deletion()],
    ]
    for (const [name, update] of attempts) {
      await vandal.send({ type: 'update', document, update })
      expect(here.inhabitants.get('a')!.membership.members(), name).toEqual(before)
      expect(here.inhabitants.get('b')!.membership.members(), name).toEqual(before)
    }
    // Every attempt counted; at the limit the hostile peer is shut out.
    for (let more = attempts.length; more < memberLimits.maxMisbehaviour; more += 1)
      await vandal.send({ type: 'update', document, update: attempts[0]![1] })
    expect(here.inhabitants.get('a')!.events.filter(({ type }) => type === 'peer-shut-out')).toHaveLength(1)
    expect(vandal.channel.closed).toBe(true)
    await here.run(15_000)
    expect(here.alive('b')).toEqual(['a@1', 'b@1'])
  })

  test('cannot send beats for another peer, nor make a peer raise its incarnation more than once in a lease', async () => {
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

  test('is shut out when it sends more than a neighbour may', async () => {
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

describe('random and damaged bytes', () => {
  test('are refused with bad-frame, or parse into a bounded number of items', () => {
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
  ])('%s in a document is refused', (_, write) => {
    const doc = new Y.Doc()
    write(doc)
    expect(() => inspectUpdate(Y.encodeStateAsUpdate(doc))).toThrow('refused')
  })
})
