import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, type Channel, type MemoryNetwork, type Transport } from '@shoal/network'
import { encodeHello, limits, protocols, protocolVersion } from '@shoal/protocol'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { disagreement, sayHello, serveHello, type HelloSelf } from './hello.ts'
import { swarmLimits } from '../limits.ts'
import { settle } from '../testing/virtual-time.ts'

const node: HelloSelf = {
  agent: 'shoal/0.1.0',
  role: 'node',
  manifest: 'a'.repeat(64),
  profile: 'int4:32',
  model: 'llama',
}
const never = new AbortController().signal

let clock: VirtualClock
let network: MemoryNetwork
let alice: Transport
let bob: Transport

beforeEach(() => {
  clock = createVirtualClock()
  network = createMemoryNetwork({ clock, random: seededRandom(1) })
  alice = network.createTransport('alice')
  bob = network.createTransport('bob')
  alice.learn('bob', bob.addresses())
})

const answer = (self: HelloSelf): void =>
  serveHello({ transport: bob, clock, logger: silentLogger }, () => self)
const ask = (self: HelloSelf, signal = never): ReturnType<typeof sayHello> =>
  sayHello({ transport: alice, clock }, 'bob', self, signal)
/** Bob answers each frame with these. */
const answerWith = (reply: (channel: Channel) => void): void =>
  bob.handle(protocols.hello, (channel) => channel.onFrame(() => reply(channel)))
const frameOf = (message: Parameters<typeof encodeHello>[0]): Uint8Array =>
  Uint8Array.from(encodeHello(message).flatMap((part) => [...part]))

describe('two peers of one swarm', () => {
  test('exchange their hellos', async () => {
    answer(node)
    expect(await ask({ ...node, role: 'client' })).toEqual({
      type: 'hello',
      version: protocolVersion,
      ...node,
    })
  })

  test('tell each other what they have fetched, but not to strangers', async () => {
    answer({ ...node, fetchedBytes: 5000 })
    expect((await ask({ ...node, role: 'client' })).fetchedBytes).toBe(5000)
    expect(
      await ask({ agent: 'x', role: 'client', manifest: null, profile: null, model: null }),
    ).not.toHaveProperty('fetchedBytes')
  })

  test('answer a peer that wants to learn the manifest', async () => {
    answer(node)
    expect(
      await ask({ agent: 'x', role: 'client', manifest: null, profile: null, model: null }),
    ).toMatchObject({ manifest: node.manifest })
  })
})

describe('peers that do not fit', () => {
  test.each([
    [
      'other weights',
      { profile: 'f32', manifest: 'b'.repeat(64) },
      'wrong-profile',
      /llama \(manifest aaaaaaaaaaaa, weights int4:32\).*llama \(manifest bbbbbbbbbbbb, weights f32\).*--weights/,
    ],
    [
      'another model',
      { model: 'qwen', manifest: 'c'.repeat(64) },
      'wrong-manifest',
      /llama \(manifest aaaaaaaaaaaa.*qwen \(manifest cccccccccccc/,
    ],
    [
      'another packing of the same model',
      { manifest: 'd'.repeat(64) },
      'wrong-manifest',
      /aaaaaaaaaaaa.*dddddddddddd/,
    ],
  ] as const)('%s are refused with a sentence that names both', async (_name, change, code, sentence) => {
    answer({ ...node, ...change })
    await expect(ask(node)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(sentence) as unknown,
    })
  })

  test.each([
    [protocolVersion + 1, 'this peer'],
    [protocolVersion - 1, 'the other peer'],
  ])('protocol version %i names both versions and says to update %s', async (version, side) => {
    const other = { ...node, agent: 'shoal/9.9.9' }
    answerWith((channel) => void channel.send(frameOf({ type: 'hello', version, ...other })))
    await expect(ask(node)).rejects.toMatchObject({
      code: 'wrong-version',
      message: `protocol version ${protocolVersion} here, ${version} there (shoal/9.9.9): update ${side}`,
    })
  })

  test('a refusal names the peer that refuses; an unknown code counts as `wrong-version`', async () => {
    answerWith(
      (channel) =>
        void channel.send(
          frameOf({ type: 'refused', code: 'not-invited', message: 'members only', definite: true }),
        ),
    )
    await expect(ask(node)).rejects.toMatchObject({
      code: 'wrong-version',
      message: 'bob refuses: members only',
    })
  })

  test('the version is compared first, since a newer manifest may have another meaning', () => {
    expect(disagreement(node, { type: 'hello', ...node, version: 7, manifest: 'z' })?.code).toBe(
      'wrong-version',
    )
  })

  test('no two agreeing descriptions are refused, whichever side asks', () => {
    const description = fc.record({
      manifest: fc.constantFrom(null, 'a', 'b'),
      profile: fc.constantFrom(null, 'f32', 'int8:32'),
      model: fc.constantFrom(null, 'm', 'n'),
    })
    fc.assert(
      fc.property(description, description, (one, two) => {
        const [first, second] = [one, two].map((fields) => ({ ...node, ...fields }))
        const refusals = [
          disagreement(first!, { type: 'hello', version: protocolVersion, ...second! }),
          disagreement(second!, { type: 'hello', version: protocolVersion, ...first! }),
        ]
        const fit = one.manifest === null || two.manifest === null || one.manifest === two.manifest
        expect(refusals.map((refusal) => refusal === null)).toEqual([fit, fit])
        expect(refusals[0]?.code).toBe(refusals[1]?.code)
      }),
    )
  })
})

describe('hostile and silent peers', () => {
  test('a peer that never answers is given up after ten seconds, and named', async () => {
    bob.handle(protocols.hello, (channel) => channel.onFrame(() => undefined))
    const asking = ask(node)
    const refused = expect(asking).rejects.toMatchObject({
      code: 'deadline-passed',
      message: `bob did not answer hello within ${swarmLimits.helloTimeoutMs} ms`,
    })
    await settle()
    clock.advance(swarmLimits.helloTimeoutMs)
    await refused
    // Nothing is left to run.
    expect(clock.step()).toBe(false)
  })

  test('the caller can give up, before and while it waits', async () => {
    bob.handle(protocols.hello, (channel) => channel.onFrame(() => undefined))
    const reason = new Error('enough')
    await expect(ask(node, AbortSignal.abort(reason))).rejects.toBe(reason)
    const caller = new AbortController()
    const asking = expect(ask(node, caller.signal)).rejects.toBe(reason)
    await settle()
    caller.abort(reason)
    await asking
    expect(clock.step()).toBe(false)
  })

  test('a peer that closes the channel and one that is gone both count as vanished', async () => {
    answerWith((channel) => void channel.close())
    await expect(ask(node)).rejects.toMatchObject({ code: 'peer-vanished' })
    answerWith(() => network.kill('bob'))
    await expect(ask(node)).rejects.toMatchObject({ code: 'peer-vanished' })
  })

  test('random bytes are refused on either side, and the next hello is answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (bytes) => {
        answerWith((channel) => void channel.send(bytes))
        await expect(ask(node)).rejects.toMatchObject({ code: 'bad-frame' })
        answer(node)
        const channel = await alice.open('bob', protocols.hello, { signal: never })
        const ended = new Promise<Error | undefined>((resolve) => channel.onClose(resolve))
        await channel.send(bytes)
        expect(await ended).toBeInstanceOf(Error)
        expect(await ask(node)).toMatchObject({ manifest: node.manifest })
      }),
      { numRuns: 50 },
    )
  })

  test('names longer than the limit are refused', async () => {
    answerWith(
      (channel) =>
        void channel.send(
          frameOf({ type: 'hello', version: 1, ...node, agent: 'x'.repeat(limits.maxNameLength + 1) }),
        ),
    )
    await expect(ask(node)).rejects.toMatchObject({ code: 'bad-frame' })
  })

  test('a peer that opens a channel and sends nothing loses the channel', async () => {
    answer(node)
    const channel = await alice.open('bob', protocols.hello, { signal: never })
    const ended = new Promise<Error | undefined>((resolve) => channel.onClose(resolve))
    clock.advance(swarmLimits.helloTimeoutMs)
    expect(await ended).toMatchObject({ code: 'peer-vanished' })
  })
})
