import type { Channel, Transport } from '@shoal/network'
import { encodeMembers, protocols, type MembersMessage } from '@shoal/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { memberLimits } from './limits.ts'
import { sealStatement, type StatementBody } from './cell/statement.ts'
import { Speaker } from './testing/speaker.ts'
import { createWorld, swarmName, type World } from './testing/world.ts'
import { noPrev } from './words/word.ts'

/** A hostile peer: it has a key, a channel, and says what it wants. */
interface Vandal {
  readonly transport: Transport
  readonly speaker: Speaker
  send(message: MembersMessage): Promise<void>
  readonly channel: Channel
  /** Messages that the attacked peer has sent. */
  readonly frames: Uint8Array[]
}

let world: World | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

async function join(world: World, name: string): Promise<Vandal> {
  const transport = world.network.createTransport(name)
  const dialled = transport.dial('/memory/a/p2p/a', { signal: new AbortController().signal })
  await world.run(10)
  await dialled
  const opened = transport.open('a', protocols.members, { signal: new AbortController().signal })
  await world.run(10)
  const channel = await opened
  const frames: Uint8Array[] = []
  channel.onFrame((frame) => void frames.push(frame))
  return {
    transport,
    speaker: new Speaker(transport),
    channel,
    frames,
    async send(message) {
      channel.send(...encodeMembers(message)).catch(() => undefined)
      await world.run(10)
    },
  }
}

async function pair(): Promise<World> {
  world = createWorld(1)
  await world.join('a')
  await world.join('b', 'a')
  await world.until(() => world!.alive('a').length === 2 && world!.alive('b').length === 2, 5000)
  await world.run(10_000)
  return world
}

const shutOut = (here: World, at: string): string[] =>
  here.inhabitants.get(at)!.events.flatMap((event) => (event.type === 'peer-shut-out' ? [event.peer] : []))

/** What a peer signs about a life of `a`, in a message. */
async function stated(
  { transport }: Vandal,
  body: Pick<StatementBody, 'kind' | 'incarnation'> & Partial<StatementBody>,
): Promise<MembersMessage> {
  const statement = { signer: transport.peerId, subject: 'a', count: 0, signerIncarnation: 1, ...body }
  const { bytes } = await sealStatement(transport, swarmName, statement)
  return { type: 'statements', pushed: true, statements: [bytes] }
}

describe('a hostile peer', () => {
  test('cannot say a word for another peer: unsigned words of any content blame their sender, and nobody else', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    const before = here.inhabitants.get('b')!.membership.members()
    const forged = {
      owner: 'b',
      incarnation: 99,
      seq: 1,
      generation: 0,
      kind: 'snapshot',
      prev: noPrev,
    } as const
    const own = await vandal.speaker.say({})
    const attempts: [string, Uint8Array][] = [
      [
        "a word of b's that v has signed",
        (await vandal.speaker.sign({ ...forged, update: own.update })).bytes,
      ],
      // Remains under the key of another owner once won in yjs, and deleted its record.
      [
        'remains',
        (
          await vandal.speaker.sign({
            ...forged,
            update: Uint8Array.of(1, 1, 5, 0, 0x21, 1, 1, 119, 1, 98, 1, 0),
          })
        ).bytes,
      ],
      ['the 13 bytes on which yjs throws', Uint8Array.from([1, 1, 5, 1, 0xa1, 3, 1, 1, 1, 2, 1, 4, 0])],
      ['bytes that are no word', new Uint8Array(500).fill(7)],
    ]
    for (const [name, word] of attempts) {
      await vandal.send({ type: 'words', pushed: true, words: [word] })
      expect(here.inhabitants.get('a')!.membership.members(), name).toEqual(before)
      expect(here.inhabitants.get('b')!.membership.members(), name).toEqual(before)
    }
    for (let more = attempts.length; more < memberLimits.maxMisbehaviour; more += 1)
      await vandal.send({ type: 'words', pushed: true, words: [attempts[0]![1]] })
    expect(shutOut(here, 'a')).toEqual(['v'])
    expect(vandal.channel.closed).toBe(true)
    await here.run(15_000)
    expect(here.alive('b')).toEqual(['a@1', 'b@1'])
  })

  test('cannot raise the incarnation of another peer: an unsigned statement in its name blames the sender', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    const { bytes } = await sealStatement(vandal.transport, swarmName, {
      kind: 'alive',
      signer: 'a',
      subject: 'a',
      incarnation: 99,
      count: 0,
    })
    for (let sent = 0; sent < memberLimits.maxMisbehaviour; sent += 1)
      await vandal.send({ type: 'statements', pushed: true, statements: [bytes] })
    await here.run(1000)
    expect(shutOut(here, 'a')).toEqual(['v'])
    expect(here.alive('b')).toEqual(['a@1', 'b@1'])
  })

  test('that signs a bad word loses its own incarnation everywhere; who passes the word on is not blamed', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    await vandal.send({ type: 'words', pushed: true, words: [(await vandal.speaker.say({})).bytes] })
    const bad = await vandal.speaker.sign({
      ...(await vandal.speaker.say({ version: 'x' })),
      update: Uint8Array.of(1, 1, 5, 1, 0xa1, 3, 1, 1, 1, 2, 1, 4, 0),
    })
    await vandal.send({ type: 'words', pushed: true, words: [bad.bytes] })
    await here.run(100)
    for (const name of ['a', 'b']) {
      const { membership } = here.inhabitants.get(name)!
      expect(membership.members().find(({ record }) => record.peerId === 'v')?.liveness).toBe('dead')
      expect(shutOut(here, name)).toEqual([])
    }
  })

  test("cannot make a peer send more than it sends itself: words are held back beyond the owner's pace", async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    const before = here.network.sentBytes('a', 'b')
    let sent = 0
    for (const { bytes } of await vandal.speaker.sayMany(200)) {
      sent += bytes.length
      vandal.channel
        .send(...encodeMembers({ type: 'words', pushed: true, words: [bytes] }))
        .catch(() => undefined)
    }
    await here.run(100)
    expect(here.network.sentBytes('a', 'b') - before).toBeLessThan(sent)
    expect(shutOut(here, 'a')).toEqual([])
    expect(here.alive('b')).toEqual(['a@1', 'b@1'])
  })

  test('without a record is not believed when it says that a peer is held dead', async () => {
    const here = await pair()
    for (const name of ['v', 'w', 'x']) {
      const vandal = await join(here, name)
      for (let incarnation = 1; incarnation < 4; incarnation += 1)
        await vandal.send(await stated(vandal, { kind: 'held', incarnation }))
    }
    expect(here.inhabitants.get('a')!.membership.incarnation).toBe(1)
  })

  test('cannot make a peer raise its incarnation more than once in a lease, with however many members it comes', async () => {
    const here = await pair()
    for (const name of ['v', 'w', 'x', 'y']) {
      const vandal = await join(here, name)
      await vandal.send({ type: 'words', pushed: true, words: [(await vandal.speaker.say({})).bytes] })
      const { incarnation } = here.inhabitants.get('a')!.membership
      await vandal.send(await stated(vandal, { kind: 'held', incarnation }))
    }
    expect(here.inhabitants.get('a')!.membership.incarnation).toBe(2)
    await here.run(3000)
    expect(here.alive('b')).toEqual(['a@2', 'b@1'])
  })

  test('ends no life by saying that it is held dead: fewer members than end a life by their votes are not believed', async () => {
    const here = await pair()
    for (const name of ['c', 'd', 'e']) await here.join(name, 'a')
    await here.run(10_000)
    const vandal = await join(here, 'v')
    await vandal.send({ type: 'words', pushed: true, words: [(await vandal.speaker.say({})).bytes] })
    for (let count = 0; count < 20; count += 1) {
      await vandal.send(await stated(vandal, { kind: 'alert', incarnation: 1, count }))
      await vandal.send(await stated(vandal, { kind: 'held', incarnation: 1, count }))
      await here.run(1000)
    }
    expect(here.alive('b').filter((life) => !life.startsWith('v'))).toEqual([
      'a@1',
      'b@1',
      'c@1',
      'd@1',
      'e@1',
    ])
  })

  test.each(['node', 'client'] as const)(
    'that was admitted as a %s: only a node may bring news of other peers',
    async (role) => {
      world = createWorld(1)
      const tamper = (transport: Transport): void => {
        transport.standing = (member) => ({ role: member === 'v' ? role : 'node', member, invited: true })
      }
      await world.join('a', undefined, { tamper })
      const vandal = await join(world, 'v')
      // Keys that it has made up, each of which says that it is alive.
      const made = new Speaker(world.network.createTransport('made-up'))
      const { bytes } = await made.say({})
      await vandal.send({ type: 'words', pushed: true, words: [bytes] })
      const alive = {
        kind: 'alive',
        signer: 'made-up',
        subject: 'made-up',
        incarnation: 1,
        count: 1,
      } as const
      const statement = await sealStatement(made.transport, swarmName, alive)
      await vandal.send({ type: 'statements', pushed: true, statements: [statement.bytes] })
      expect(world.alive('a').includes('made-up@1')).toBe(role === 'node')
      expect(shutOut(world, 'a')).toEqual([])
    },
  )

  test('is shut out when it sends more than a neighbour may', async () => {
    const here = await pair()
    const vandal = await join(here, 'v')
    const vector = encodeMembers({
      type: 'vector',
      swarm: swarmName,
      salt: 1,
      answer: false,
      hashes: new Uint32Array(),
    })
    for (let count = 0; count < 40; count += 1) vandal.channel.send(...vector).catch(() => undefined)
    await here.run(20)
    expect(shutOut(here, 'a')).toEqual(['v'])
    await here.run(12_000)
    expect(here.alive('a')).toEqual(['a@1', 'b@1'])
  })
})
