import { ShoalError } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { ThreadSum } from '@shoal/runtime'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { algorithms, type Algorithm } from '../collectives/exchange.ts'
import { pieceValues } from '../collectives/pieces.ts'
import { createRankThread, type RankThread } from './rank-thread-control.ts'
import { createThreadSum } from './rank-thread.ts'

/*
 * Both sides of computing threads in one thread, with real sockets. What a computing thread reports is heard when the other
 * side catches up with it.
 */

const host = '127.0.0.1'
const peers = [{ peer: 'alice' }, { peer: 'bob' }]
const { signal } = new AbortController()

interface Side {
  readonly control: RankThread
  readonly sum: ThreadSum
  readonly lost: { readonly rank: number; readonly code: string }[]
}

function addSide(): Side {
  const control = createRankThread(systemClock)
  const sum = createThreadSum(control.thread.port, { clock: systemClock, random: systemRandom })
  control.catchUp()
  return { control, sum, lost: [] }
}

function form({ control, lost }: Side, rank: number, algorithm: Algorithm = 'gather'): boolean {
  return control.form({
    rank,
    peers,
    sums: [{ bytes: 2 ** 30, algorithm }],
    onLost: (other, { code }) => lost.push({ rank: other, code }),
  })
}

describe('sums in a thread of their own', () => {
  let alice: Side
  let bob: Side
  beforeEach(() => {
    alice = addSide()
    bob = addSide()
  })
  afterEach(() => {
    for (const { control } of [alice, bob]) control.close()
  })

  const join = async (algorithm: Algorithm = 'gather'): Promise<void> => {
    expect([form(alice, 0, algorithm), form(bob, 1, algorithm)]).toEqual([true, true])
    await alice.control.connect(1, host, await bob.control.listen(0, host, signal), signal)
  }
  const use = (): void => {
    for (const { control } of [alice, bob]) control.use()
  }
  const begin = (call: number): void => {
    for (const { control } of [alice, bob]) control.begin(call)
  }
  const total = async (): Promise<number[][]> => {
    const both = await Promise.all([alice.sum(Float32Array.of(1, 2)), bob.sum(Float32Array.of(10, 20))])
    return both.map((rows) => [...(rows ?? [])])
  }
  const whole = [
    [11, 22],
    [11, 22],
  ]

  test('are made once both sides are told to, and again for the next group', async () => {
    for (let round = 0; round < 3; round += 1) {
      await join()
      begin(0)
      expect(alice.sum(Float32Array.of(1))).toBeNull()
      use()
      expect(await total()).toEqual(whole)
      begin(1)
      expect(await total()).toEqual(whole)
    }
    expect((await alice.control.spent(signal))?.sums).toBe(6)
  })

  test.each(algorithms)('add rows of many pieces by %s, for several sums', async (algorithm) => {
    const length = 7 * pieceValues + 5
    await join(algorithm)
    use()
    begin(0)
    for (let sum = 0; sum < 3; sum += 1) {
      const [first, second] = [0, 1].map((rank) =>
        Float32Array.from({ length }, (_, index) => Math.fround((index + sum) / (rank + 3))),
      )
      const expected = first!.map((value, index) => value + second![index]!)
      for (const rows of await Promise.all([alice.sum(first!), bob.sum(second!)]))
        expect(Buffer.compare(Buffer.from(rows!.buffer), Buffer.from(expected.buffer))).toBe(0)
    }
  })

  test.each<[string, () => void, string]>([
    [
      'their call fails',
      () => alice.control.fail(0, new ShoalError('compute-failed', 'enough')),
      'compute-failed',
    ],
    ['their group ends', () => alice.control.end(new ShoalError('not-ready', 'over')), 'not-ready'],
    ['the share is released', () => alice.control.close(), 'not-ready'],
    [
      'the other rank ends the group',
      () => bob.control.end(new ShoalError('cancelled', 'over')),
      'peer-vanished',
    ],
  ])('fail at once when %s', async (_name, end, code) => {
    await join()
    begin(0)
    use()
    const failed = expect(alice.sum(Float32Array.of(1))).rejects.toMatchObject({ code })
    end()
    await failed
  })

  test('of the next call succeed after those of a failed call', async () => {
    await join()
    begin(0)
    use()
    const failed = expect(alice.sum(Float32Array.of(1))).rejects.toThrow('enough')
    alice.control.fail(0, new ShoalError('cancelled', 'enough'))
    await failed
    begin(1)
    expect(await total()).toEqual(whole)
  })

  test('that fail because a rank is lost fail after that loss was reported', async () => {
    await join()
    begin(0)
    use()
    const failed = alice.sum(Float32Array.of(1))?.catch(() => alice.control.catchUp())
    bob.control.end(new ShoalError('cancelled', 'over'))
    await failed
    expect(alice.lost).toEqual([{ rank: 1, code: 'peer-vanished' }])
  })

  test('a lane that ends before it is used is reported lost once lanes are used', async () => {
    await join()
    bob.control.end(new ShoalError('cancelled', 'over'))
    // Turns in which the end of the socket arrives. The outcome is the same when it arrives later.
    for (let turn = 0; turn < 50; turn += 1) await alice.control.spent(signal)
    expect(alice.lost).toEqual([])
    alice.control.begin(0)
    alice.control.use()
    await expect(Promise.resolve(alice.sum(Float32Array.of(1)))).rejects.toMatchObject({
      code: 'peer-vanished',
    })
    alice.control.catchUp()
    expect(alice.lost).toEqual([{ rank: 1, code: 'peer-vanished' }])
  })

  test('an offer ends with the group for which it was made', async () => {
    form(alice, 0)
    form(bob, 1)
    const offer = await bob.control.listen(0, host, signal)
    form(bob, 1)
    await bob.control.listen(0, host, signal)
    await expect(alice.control.connect(1, host, offer, signal)).rejects.toMatchObject({ code: 'no-capacity' })
  })

  test('more offers than allowed are refused and open no more ports', async () => {
    form(bob, 1)
    const ports = new Set<number>()
    let refused = 0
    for (let count = 0; count < 200; count += 1) {
      const offer = await bob.control.listen(0, host, signal).catch(() => null)
      if (offer === null) refused += 1
      else ports.add(offer.port)
    }
    expect(refused).toBeGreaterThan(0)
    form(bob, 1)
    ports.add((await bob.control.listen(0, host, signal)).port)
    expect(ports.size).toBe(1)
  })

  test('without a computing thread no messages pile up', async () => {
    const control = createRankThread(systemClock)
    const written: unknown[] = []
    expect(control.form({ rank: 0, peers, sums: [], onLost: () => undefined })).toBe(false)
    for (let call = 0; call < 10; call += 1) control.begin(call)
    control.use()
    control.end(new ShoalError('cancelled', 'over'))
    control.thread.port.on('message', (message) => written.push(message))
    await new Promise<void>((resolve) => {
      control.thread.port.on('close', resolve)
      control.close()
    })
    expect(written).toEqual([])
  })
})
