import { setImmediate as nextTurn } from 'node:timers/promises'
import { createVirtualClock, messageOf, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, createPeerKey, peerIdOfKey, signerOf, type Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { decodeOffer, encodeBegin, encodeProof, limits, readGrant, type Invite } from '@shoal/trust'
import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { CharterKeeper } from '../charter/charter-keeper.ts'
import { foundSwarmWith } from '../files/found-swarm.ts'
import type { SwarmPass } from '../files/swarm-pass.ts'
import { IssuedInvites } from '../issued-invites.ts'
import { SwarmAdmission } from '../swarm-admission.ts'
import { pairByPin, type PinWish } from './knock.ts'
import { PinDesk } from './pin-desk.ts'

const random = seededRandom(1)
/** Lets everything run that waits for promises and for signatures. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn()
}
const never = new AbortController().signal
const wrongPinFor = (pin: string): string => (pin === '000000' ? '000001' : '000000')

/** A founder with a desk that shows PINs, in a network in memory. */
async function createWorld() {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random })
  const nowSeconds = (): number => Math.floor(clock.wallMs() / 1000)
  const own = signerOf(await createPeerKey())
  const root = signerOf(await createPeerKey())
  const pass = await foundSwarmWith(root, own, random, nowSeconds())
  const charter = new CharterKeeper({
    files: { acts: () => [], saveActs: () => undefined },
    logger: silentLogger,
    swarm: pass.swarm,
    nowSeconds,
  })
  const common = { clock, random, logger: silentLogger }
  const admission = new SwarmAdmission({
    ...common,
    own,
    root,
    wants: 'node',
    pass,
    invite: null,
    charter,
    savePass: () => undefined,
  })
  let book: readonly Invite[] = []
  const invites = new IssuedInvites({
    logger: silentLogger,
    files: { invites: () => book, saveInvites: (kept) => void (book = kept) },
    random,
    nowSeconds,
    onChange: () => undefined,
  })
  const doors: Transport[] = []
  const desk = new PinDesk({
    ...common,
    invites,
    welcome: (invite, peerId) => admission.welcome(invite, peerId),
    addresses: () => ['/ip4/10.0.0.1/tcp/4001'],
    async openDoor() {
      const door = network.createTransport(peerIdOfKey(await createPeerKey()))
      doors.push(door)
      return door
    },
  })
  const newcomer = async () => {
    const key = await createPeerKey()
    const transport = network.createTransport(peerIdOfKey(key))
    /** @param found a machine that is heard by mDNS, in place of given addresses */
    const join = (
      pin: string,
      given: readonly string[],
      wants: PinWish['wants'] = 'node',
      found: { readonly peer: string; readonly addresses: readonly string[] } | null = null,
    ) =>
      settled(
        clock,
        pairByPin(
          {
            ...common,
            transport,
            found: { given, onFound: (told) => found !== null && told(found.peer, found.addresses) },
          },
          { pin, wants, key: signerOf(key).key, nowSeconds: nowSeconds(), signal: undefined },
        ),
      )
    return { transport, join, id: transport.peerId }
  }
  return { clock, network, desk, invites, newcomer, pass, book: () => book, doors }
}

/** Moves the clock while something that waits by it is under way. */
async function settled(clock: VirtualClock, work: Promise<SwarmPass>): Promise<SwarmPass | string> {
  let over = false
  const ended = work.catch(messageOf).finally(() => (over = true))
  while (!over) {
    await settle()
    if (!over) clock.advance(500)
  }
  return await ended
}

test('a newcomer with the PIN gets a grant for its own key, the secret and an address; then the door is closed', async () => {
  const { clock, desk, newcomer, pass, invites, doors } = await createWorld()
  const { pin, door } = await desk.show('node', 300)
  const bob = await newcomer()
  const got = (await bob.join(pin, door)) as SwarmPass
  expect(got).toMatchObject({
    swarm: pass.swarm,
    secrets: pass.secrets,
    addresses: ['/ip4/10.0.0.1/tcp/4001'],
  })
  expect(got.chain.map((grant) => readGrant(grant).role)).toEqual(['node', 'admin'])
  expect(invites.list()[0]).toMatchObject({ pin: true, used: [{ peer: bob.id }], refused: [] })
  await settle()
  expect(doors[0]?.addresses()).toEqual([])
  const carol = await newcomer()
  expect(await carol.join(pin, door)).toContain('no machine with an open PIN')
  expect(clock.nowMs()).toBeGreaterThanOrEqual(swarmLimits.pairingSearchMs)
})

test('of two PINs that are asked for at once only one stays open, and no door is left behind', async () => {
  const { desk, doors, invites } = await createWorld()
  await Promise.all([desk.show('node', 300), desk.show('node', 300)])
  expect(doors.filter((door) => door.addresses().length > 0)).toHaveLength(1)
  expect(invites.list().filter((invite) => invites.state(invite) === 'open')).toHaveLength(1)
  await desk.close()
  expect(doors.flatMap((door) => door.addresses())).toEqual([])
})

test('a door that opened for a PIN that cannot be issued is closed', async () => {
  const { desk, doors, invites } = await createWorld()
  invites.issue = () => {
    throw new Error('no room')
  }
  await expect(desk.show('node', 300)).rejects.toThrow('no room')
  expect(doors.map((door) => door.addresses())).toEqual([[]])
})

test('three wrong PINs end a PIN, and the right one comes too late', async () => {
  const { desk, newcomer, invites, doors, clock } = await createWorld()
  const { pin, door } = await desk.show('node', 300)
  const tries: unknown[] = []
  for (let count = 0; count < 2; count += 1) {
    tries.push(await (await newcomer()).join(wrongPinFor(pin), door))
    clock.advance(swarmLimits.pairingPauseMs)
  }
  expect(tries).toEqual(Array(2).fill(expect.stringContaining('the PIN is wrong')))
  expect(doors[0]?.addresses()).not.toEqual([])
  expect(await (await newcomer()).join(wrongPinFor(pin), door)).toContain('the PIN is wrong')
  await settle()
  expect(doors[0]?.addresses()).toEqual([])
  expect(await (await newcomer()).join(pin, door)).toContain('no machine with an open PIN')
  const [invite] = invites.list()
  expect(invite).toMatchObject({ used: [] })
  expect(invite?.revoked).not.toBeNull()
  expect(invite?.refused).toHaveLength(limits.maxWrongPins)
})

test('runs that wait with their guesses test three PINs together, and no more', async () => {
  const { desk, network, clock, invites } = await createWorld()
  const { door } = await desk.show('node', 300)
  const guess = async () => {
    const transport = network.createTransport(peerIdOfKey(await createPeerKey()))
    const member = await transport.dial(door[0] ?? '', { signal: never })
    const channel = await transport.open(member, protocols.pair, { signal: never })
    channel.onClose(() => undefined)
    const answer = new Promise<ReturnType<typeof decodeOffer>>((resolve) =>
      channel.onFrame((frame) => {
        if (frame.length < 200) resolve(decodeOffer(frame))
      }),
    )
    await channel.send(encodeBegin({ nonce: new Uint8Array(16), wants: 'node' }))
    await settle()
    clock.advance(swarmLimits.pairingPauseMs)
    return { channel, answer: await answer }
  }
  const runs = []
  for (let count = 0; count < 5; count += 1) runs.push(await guess())
  expect(runs.map(({ answer }) => (answer.type === 'refused' ? answer.code : answer.type))).toEqual([
    ...Array<string>(swarmLimits.pairingsAtOnce).fill('offer'),
    'full',
  ])
  for (const { channel, answer } of runs)
    if (answer.type === 'offer')
      channel.send(encodeProof({ point: answer.point, tag: new Uint8Array(64) })).catch(() => undefined)
  await settle()
  expect(invites.list()[0]?.refused).toHaveLength(limits.maxWrongPins)
  expect(invites.list()[0]?.revoked).not.toBeNull()
})

test('runs are paced: a newcomer that comes too soon after another is told to come again, and does', async () => {
  const { desk, newcomer, clock } = await createWorld()
  const { pin, door } = await desk.show('node', 300)
  expect(await (await newcomer()).join(wrongPinFor(pin), door)).toContain('the PIN is wrong')
  const atMs = clock.nowMs()
  expect(await (await newcomer()).join(pin, door)).toHaveProperty('chain')
  expect(clock.nowMs() - atMs).toBeGreaterThanOrEqual(swarmLimits.pairingPauseMs)
})

test('a wrong PIN at the only machine that is heard is told after a few seconds', async () => {
  const { desk, newcomer, clock, doors } = await createWorld()
  const { pin, door } = await desk.show('node', 300)
  const atMs = clock.nowMs()
  const heard = { peer: doors[0]?.peerId ?? '', addresses: door }
  expect(await (await newcomer()).join(wrongPinFor(pin), [], 'node', heard)).toContain('the PIN is wrong')
  expect(clock.nowMs() - atMs).toBeLessThan(swarmLimits.pairingOthersMs + 2000)
})

test('a PIN for a client makes no node, and costs no try', async () => {
  const { desk, newcomer, invites } = await createWorld()
  const { pin, door } = await desk.show('client', 300)
  expect(await (await newcomer()).join(pin, door, 'node')).toContain('no valid grant')
  expect(invites.list()[0]?.refused).toEqual([])
  const got = (await (await newcomer()).join(pin, door, 'client')) as SwarmPass
  expect(readGrant(got.chain[0] ?? new Uint8Array(0)).role).toBe('client')
})

test('a PIN ends with its term, and when another one is shown', async () => {
  const { desk, clock, doors, invites } = await createWorld()
  await desk.show('node', 300)
  const second = await desk.show('node', 60)
  expect(doors.map((door) => door.addresses().length)).toEqual([0, 1])
  expect(invites.list().map((invite) => invites.state(invite))).toEqual(['revoked', 'open'])
  clock.advance(62_000)
  await settle()
  expect(doors.map((door) => door.addresses().length)).toEqual([0, 0])
  expect(invites.state(second.invite)).toBe('expired')
  await expect(desk.show('node', limits.maxPinSeconds + 1)).rejects.toThrow('at most 15 minutes')
})
