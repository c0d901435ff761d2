import { seededRandom, ShoalError, silentLogger, type Logger } from '@shoal/host'
import { encodeMembers, protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { MemberDocument } from './document.ts'
import { memberLimits } from '../limits.ts'
import { Replica } from './replica.ts'
import { sealRecord, type Signer } from '../records/seal.ts'
import { createDice, damaged, nonsenseUpdate, type SignedValue } from '../testing/random-updates.ts'
import { createWorld, swarmName } from '../testing/world.ts'
import { rootName } from './update-grammar.ts'

/** Every signature is valid here: the tests are about the checks that come after it. */
const signer: Signer = {
  sign: () => Promise.resolve(new Uint8Array(64)),
  verify: () => Promise.resolve(true),
}
/** The state vector of an empty document. */
const nothing = Uint8Array.of(0)
const codeOf = (error: unknown): unknown => (error instanceof ShoalError ? error.code : error)
const peers = ['alice', 'bob', 'carol', 'dave']

async function signedValues(): Promise<readonly SignedValue[]> {
  const values: SignedValue[] = []
  for (const [index, key] of peers.entries()) {
    for (const incarnation of [1, 2]) {
      const client = 10 * incarnation + index
      for (let clock = 0; clock < 5; clock += 1) {
        const { bytes } = await sealRecord(signer, swarmName, {
          peerId: key,
          incarnation,
          seq: clock + 1,
          writer: client,
          clock,
          state: 'serving',
          span: null,
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
        })
        values.push({ key, client, clock, bytes })
      }
    }
  }
  return values
}

/** Updates as honest peers send them: single writes, and whole documents. */
function honestUpdates(values: readonly SignedValue[]): readonly Uint8Array[] {
  const whole = new Y.Doc()
  const updates: Uint8Array[] = []
  for (const client of new Set(values.map((value) => value.client))) {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(whole))
    doc.clientID = client
    doc.on('update', (update: Uint8Array) => updates.push(update))
    for (const value of values) if (value.client === client) doc.getMap(rootName).set(value.key, value.bytes)
    Y.applyUpdate(whole, Y.encodeStateAsUpdate(doc))
    updates.push(Y.encodeStateAsUpdate(whole))
  }
  return updates
}

function newReplica(seed: number): Replica {
  return new Replica({ signer, random: seededRandom(seed), isGone: () => false }, swarmName, 1 << 30)
}

/** A state is sound when an empty document that applies it at once has the same state. */
function expectSound(state: Uint8Array, where: string): void {
  const copy = new MemberDocument('copy', 1)
  expect(copy.apply(state).incomplete, where).toBe(false)
  expect(Buffer.compare(copy.missing(nothing), state), where).toBe(0)
}

test('each of 10,000 valid and damaged updates is applied whole, put off, or refused with bad-frame, and leaves a sound document', async () => {
  const values = await signedValues()
  const honest = honestUpdates(values)
  const outcomes = { applied: 0, refused: 0, refusedByYjs: 0 }
  for (let seed = 1; seed <= 200; seed += 1) {
    const dice = createDice(seededRandom(seed))
    const replica = newReplica(seed)
    const { writer } = replica
    let state = replica.missing(nothing)
    for (let turn = 0; turn < 50; turn += 1) {
      const update = dice.once(4)
        ? dice.pick(honest)
        : dice.once(2)
          ? nonsenseUpdate(dice, values)
          : damaged(dice, dice.pick(honest), dice.pick(honest))
      const where = `seed ${seed}, turn ${turn}: ${Buffer.from(update).toString('hex')}`
      const before = state
      try {
        await replica.receive(update)
        outcomes.applied += 1
      } catch (error) {
        expect(codeOf(error), `${where} ${String(error)}`).toBe('bad-frame')
        outcomes.refused += 1
        if (String(error).includes('yjs')) outcomes.refusedByYjs += 1
        expect(Buffer.compare(replica.missing(nothing), before), where).toBe(0)
      }
      state = replica.missing(nothing)
      if (Buffer.compare(state, before) !== 0) expectSound(state, where)
    }
    expect(replica.writer).toBe(writer)
    replica.close()
  }
  expect(outcomes).toEqual({ applied: 4833, refused: 5167, refusedByYjs: 8 })
})

test.each([
  [
    'deletes an empty range, for which yjs throws when it has the rest',
    '01010501a10301010102010400',
    'empty',
  ],
  ['holds an item that is its own left origin', '010105008105000100', 'yjs cannot apply it'],
])('an update that %s is refused, and its sender is blamed', async (_, hex, why) => {
  const lines: string[] = []
  const logger: Logger = {
    ...silentLogger,
    warn: (event, fields) => lines.push(`${event} ${String(fields?.['peer'])} ${String(fields?.['why'])}`),
    child: () => logger,
  }
  const world = createWorld(1, 1, logger)
  await world.join('a')
  await world.join('b', 'a')
  const stranger = world.network.createTransport('stranger')
  const { signal } = new AbortController()
  const dialled = stranger.dial('/memory/a/p2p/a', { signal })
  await world.run(10)
  await dialled
  const opened = stranger.open('a', protocols.members, { signal })
  await world.run(10)
  const channel = await opened
  channel.onFrame(() => undefined)
  const update = Uint8Array.from(Buffer.from(hex, 'hex'))
  const frame = encodeMembers({ type: 'update', document: `${swarmName}/0`, update })
  for (let times = 1; times <= memberLimits.maxMisbehaviour; times += 1) {
    channel.send(...frame).catch(() => undefined)
    await world.run(10)
    expect(lines).toHaveLength(times)
  }
  expect(new Set(lines)).toEqual(
    new Set([expect.stringMatching(`^neighbour-misbehaved stranger .*${why}`) as string]),
  )
  expect(channel.closed).toBe(true)
  world.network.kill('stranger')
  await world.run(20_000)
  expect(world.inhabitants.get('a')!.membership.incarnation).toBe(1)
  expect([world.alive('a'), world.alive('b')]).toEqual([
    ['a@1', 'b@1'],
    ['a@1', 'b@1'],
  ])
  await world.close()
})

/** The updates by which one client writes its values of a key, one after another. */
function writes(doc: Y.Doc, values: readonly SignedValue[]): Uint8Array[] {
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const { key, bytes } of values) doc.getMap(rootName).set(key, bytes)
  return updates
}

test('a record of a restarted peer whose previous record is missing deletes nothing, and its sender is not blamed', async () => {
  const values = (await signedValues()).filter(({ key }) => key === 'alice')
  const before = new Y.Doc()
  before.clientID = 20
  const known = writes(before, values.filter(({ client }) => client === 20).slice(0, 2))
  // After kill -9 alice writes once before she has the old document, and once when she has it and sees her old record.
  const after = new Y.Doc()
  after.clientID = 10
  const [first, second] = values.filter(({ client }) => client === 10)
  after.getMap(rootName).set('alice', first!.bytes)
  for (const update of known) Y.applyUpdate(after, update)
  const [update] = writes(after, [second!])

  const replica = newReplica(1)
  for (const update of known) await replica.receive(update)
  const state = replica.missing(nothing)
  expect(await replica.receive(update!)).toMatchObject({ novel: undefined, incomplete: true })
  expect(Buffer.compare(replica.missing(nothing), state)).toBe(0)

  await replica.receive(Y.encodeStateAsUpdate(after))
  expect(Buffer.compare(replica.missing(nothing), Y.encodeStateAsUpdate(after))).toBe(0)
})
