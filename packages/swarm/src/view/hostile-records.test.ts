import { createSnapshot, type Member, type MemberRecord } from '@shoal/membership'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { smallManifest } from '../testing/small-model.ts'
import { createSwarmView } from './swarm-view.ts'

/** Keys that every object inherits are peer ids like any other where a member names peers that may not exist. */
const peers = ['a', 'b', 'c', 'd', '__proto__', 'constructor', 'toString'] as const

const count = fc.oneof(
  fc.constantFrom(0, 1, 2, Number.MAX_SAFE_INTEGER, 2 ** 31, 2 ** 32),
  fc.maxSafeNat(),
  fc.nat(100_000),
)
const hardware = fc.record({
  memoryBytes: count,
  decodeMicrosPerBlock: count,
  decodeMicrosPer1024Past: count,
  prefillMicrosPerRowBlock: count,
  bandwidthBytesPerSecond: count,
  device: fc.constantFrom('cpu', ''),
  threads: count,
})
const perPeer = fc
  .array(fc.tuple(fc.constantFrom(...peers), count), { maxLength: 6 })
  .map((entries) => Object.fromEntries(entries))
const span = fc.option(
  fc
    .tuple(fc.nat(8), fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(2 ** 40)))
    .map(([start, length]) => ({
      start,
      end: start + length,
    })),
)
const group = fc.array(fc.constantFrom(...peers), { minLength: 1, maxLength: 4 }).chain((ranks) =>
  fc.record({
    ranks: fc.constant(ranks),
    speeds: fc.array(fc.integer({ min: 1, max: 1000 }), {
      minLength: ranks.length + 1,
      maxLength: ranks.length + 1,
    }),
    alone: hardware,
  }),
)
/** Every record that `decodeRecord` accepts, as far as a plan reads it. */
const record = (peerId: string): fc.Arbitrary<MemberRecord> =>
  fc.record(
    {
      peerId: fc.constant(peerId),
      incarnation: count,
      seq: count,
      state: fc.constantFrom('joining', 'serving', 'draining', 'left'),
      span,
      hardware,
      numericClass: fc.constantFrom('x', 'y', ''),
      addresses: fc.constant([]),
      version: fc.constant('1'),
      links: perPeer,
      rates: perPeer,
      machine: fc.constantFrom('m', 'n'),
      group,
    },
    {
      requiredKeys: [
        'peerId',
        'incarnation',
        'seq',
        'state',
        'span',
        'hardware',
        'numericClass',
        'addresses',
        'version',
        'links',
      ],
    },
  )
const records = fc
  .subarray(['a', 'b', 'c', 'd'], { minLength: 1 })
  .chain((names) => fc.tuple(...names.map(record)))

test('no record that a member may sign makes planning, routing or the status throw', () => {
  fc.assert(
    fc.property(records, (all) => {
      const members: Member[] = all.map((one) => ({ record: one, liveness: 'alive', load: null }))
      const snapshot = createSnapshot(all)
      const view = createSwarmView({
        selfId: 'a',
        manifest: smallManifest(),
        membership: {
          members: () => members,
          snapshot: () => snapshot,
          links: () => ({}),
          onChange: () => () => undefined,
        },
      })
      const { placements } = view.plan()
      for (const { start, end } of placements) expect(start >= 0 && end <= 6 && start < end).toBe(true)
      view.status()
      view.coverage()
      for (const one of all) if (one.group !== undefined) view.together(one.group)
    }),
    { numRuns: 100 },
  )
})

test('no record that a member may sign makes a route throw anything but a refusal', async () => {
  await fc.assert(
    fc.asyncProperty(records, async (all) => {
      const members: Member[] = all.map((one) => ({ record: one, liveness: 'alive', load: null }))
      const snapshot = createSnapshot(all)
      const view = createSwarmView({
        selfId: 'me',
        manifest: smallManifest(),
        membership: {
          members: () => members,
          snapshot: () => snapshot,
          links: () => ({}),
          onChange: () => () => undefined,
        },
      })
      try {
        const route = await view.find({ start: 0, end: 6 }, new Set(), 4)
        for (const stage of route) expect(stage.predictedStepMs(1)).not.toBeNaN()
        view.predictTokenMs(
          route.map(({ peer, range }) => ({ peer, ...range })),
          16,
        )
      } catch (error) {
        expect(error).toMatchObject({ code: 'no-route' })
      }
    }),
    { numRuns: 100 },
  )
})
