import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSmallSwarm, type SmallPeer, type SmallSwarm } from '../testing/small-swarm.ts'
import { noRoute } from './no-route.ts'

let swarm: SmallSwarm
let first: SmallPeer
let second: SmallPeer
let client: SmallPeer
const whole = { start: 0, end: 6 }
const nobody: ReadonlySet<string> = new Set()

beforeEach(async () => {
  swarm = createSmallSwarm(2)
  first = await swarm.join('first')
  second = await swarm.join('second')
  client = await swarm.join('client', { silent: true })
})
afterEach(() => swarm.close())

const limit = (): AbortSignal => {
  const controller = new AbortController()
  swarm.clock.after(2000, () => controller.abort(new Error('too late')))
  return controller.signal
}

describe('what an observer waits for', () => {
  test('everybody known: not before the first records, and not while somebody is only a record', async () => {
    const newcomer = await swarm.join('newcomer', { silent: true })
    await swarm.finished(newcomer.view.whenKnown(limit()))
    expect(newcomer.view.status().peers.map(({ peer, liveness }) => [peer, liveness])).toEqual([
      ['first', 'alive'],
      ['second', 'alive'],
    ])
  })

  test('a peer alone knows nobody, and says so when the time is over', async () => {
    const alone = createSmallSwarm(3)
    const only = await alone.join('only')
    const controller = new AbortController()
    const waiting = only.view.whenKnown(controller.signal)
    controller.abort(new Error('too late'))
    await expect(waiting).rejects.toThrow('too late')
    await expect(only.view.whenKnown(AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
    await alone.close()
  })

  test('coverage comes with the last block and goes with its holder', async () => {
    const covered = client.view.whenCovered(limit())
    await first.serve(0, 4)
    await swarm.until(() => client.view.coverage()[0] === 1, 2000)
    expect(client.view.coverage()).toEqual([1, 1, 1, 1, 0, 0])
    await second.serve(3, 6)
    await swarm.finished(covered)
    expect(client.view.coverage()).toEqual([1, 1, 1, 2, 1, 1])
    expect(client.view.coverage('second')).toEqual([1, 1, 1, 1, 0, 0])
    expect(client.view.status()).toMatchObject({ covered: true, coverage: [1, 1, 1, 2, 1, 1], blockCount: 6 })
    await second.membership.announce({ state: 'draining' })
    await swarm.until(() => !client.view.status().covered, 1000)
  })
})

describe('routes', () => {
  test('name the stages in order, with a predicted time for deadlines', async () => {
    await first.serve(0, 4)
    await second.serve(2, 6)
    await swarm.finished(client.view.whenCovered(limit()))
    const route = await client.view.find(whole, nobody, 4)
    expect(route.map(({ peer, range, incarnation }) => [peer, range.start, range.end, incarnation])).toEqual([
      ['first', 0, 4, 1],
      ['second', 4, 6, 1],
    ])
    const [one, many] = [route[0]!.predictedStepMs(1), route[0]!.predictedStepMs(32)]
    expect(one).toBeGreaterThanOrEqual(4)
    expect(many).toBeGreaterThan(one)
  })

  test('promise a time per token, also to a client that is in nobody’s record', async () => {
    await first.serve(0, 4)
    await second.serve(2, 6)
    await swarm.finished(client.view.whenCovered(limit()))
    const route = [
      { peer: 'first', start: 0, end: 4 },
      { peer: 'second', start: 4, end: 6 },
    ]
    // Its own links the client measures itself, that between the two comes in their records; until then it is a guess.
    await swarm.until(() => client.view.predictTokenMs(route, 0)! < 20, 10_000)
    const [here, later, part] = [
      client.view.predictTokenMs(route, 0),
      client.view.predictTokenMs(route, 4096),
      client.view.predictTokenMs(route.slice(0, 1), 0),
    ]
    // Six blocks of 1 ms, two stages, three hops, each with its frame.
    expect(here).toBeGreaterThan(6 + 2 * 0.5 + 3 * 0.45)
    expect(later).toBe(here)
    expect(part).toBeLessThan(here!)
    expect(client.view.predictTokenMs([], 0)).toBeNull()
    expect(client.view.predictTokenMs([{ peer: 'nobody', start: 0, end: 6 }], 0)).toBeNull()
  })

  test('the refusal names the blocks, and who was left out', async () => {
    await first.serve(1, 3)
    await swarm.until(() => client.view.coverage()[1] === 1, 1000)
    await expect(client.view.find(whole, nobody, 4)).rejects.toMatchObject({
      code: 'no-route',
      message: 'nobody live serves blocks 0, 3 to 5 of small with room for 4 tokens',
    })
    await expect(client.view.find({ start: 2, end: 4 }, nobody, 4)).rejects.toThrow(
      'nobody live serves block 3 of small',
    )
    await expect(client.view.find({ start: 1, end: 3 }, new Set(['first']), 4)).rejects.toThrow(
      'nobody live serves blocks 1 to 2 of small with room for 4 tokens, first left out',
    )
  })

  test('a member without the memory for so many tokens is no holder', async () => {
    await first.serve(0, 6)
    await swarm.finished(client.view.whenCovered(limit()))
    await expect(client.view.find(whole, nobody, 2 ** 40)).rejects.toThrow(
      `blocks 0 to 5 of small with room for ${2 ** 40} tokens`,
    )
  })

  test('holders that form no chain are told from missing blocks', () => {
    expect(noRoute('small', [], 8, nobody).message).toBe(
      'the live peers of small form no route with room for 8 tokens',
    )
    expect(noRoute('small', [], 8, new Set(['x', 'y'])).message).toContain('x and y left out')
  })
})
