import { createVirtualClock, seededRandom, ShoalError, silentLogger, type ErrorCode } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import {
  sessionTimes,
  StageError,
  type RouteSession,
  type Route,
  type RouteSessionOptions,
} from '@shoal/session'
import { expect, test } from 'vitest'
import { smallManifest } from '../../testing/small-model.ts'
import { trustLimits } from '../../trust/limits.ts'
import { createSessionOpener } from './session-opener.ts'

const range = { start: 0, end: 6 }
const session = {} as RouteSession

const refusal = (peer: string, code: ErrorCode, definite: boolean): StageError =>
  new StageError({ peer, range }, code, 'refused', { definite })
const full = (peer: string): StageError => refusal(peer, 'no-capacity', false)

interface Tried {
  readonly peer: string
  readonly waitForRoomMs: number | undefined
}

/** An opener in a swarm of peers that hold all blocks each; `answers` says what each attempt in turn comes to. */
function openerAmong(
  peers: readonly string[],
  answers: readonly (StageError | null)[],
): { open: () => Promise<RouteSession>; tried: Tried[]; clock: ReturnType<typeof createVirtualClock> } {
  const clock = createVirtualClock()
  const tried: Tried[] = []
  const open = createSessionOpener(
    {
      manifest: smallManifest(),
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      routes: {
        serving: () => peers,
        find: (wanted, exclude) => {
          const peer = peers.find((candidate) => !exclude.has(candidate))
          if (peer === undefined) return Promise.reject(new ShoalError('no-route', 'nobody is left'))
          const route: Route = [
            { peer, addresses: [], range: wanted, incarnation: 1, predictedStepMs: () => 1 },
          ]
          return Promise.resolve(route)
        },
      },
    },
    {
      open: ({ route, waitForRoomMs }: RouteSessionOptions) => {
        const answer = answers[tried.length] ?? null
        tried.push({ peer: route[0]!.peer, waitForRoomMs })
        return answer === null ? Promise.resolve(session) : Promise.reject(answer)
      },
    },
  )
  return { open: () => open(6, 32, undefined), tried, clock }
}

const { roomWaitMs } = sessionTimes

test('a peer without room is left out, and nobody waits while another one has room', async () => {
  const { open, tried } = openerAmong(['a', 'b'], [full('a')])
  expect(await open()).toBe(session)
  expect(tried).toEqual([
    { peer: 'a', waitForRoomMs: undefined },
    { peer: 'b', waitForRoomMs: undefined },
  ])
})

test('a peer that does not answer is asked last for a while, so that only one answer waits for it', async () => {
  const { open, tried, clock } = openerAmong(['a', 'b'], [refusal('a', 'deadline-passed', false)])
  const peers = async (): Promise<readonly string[]> => {
    tried.length = Math.min(tried.length, 2)
    const before = tried.length
    await open()
    return tried.slice(before).map(({ peer }) => peer)
  }
  expect(await peers()).toEqual(['a', 'b'])
  expect(await peers()).toEqual(['b'])
  clock.advance(trustLimits.silenceMs)
  expect(await peers()).toEqual(['a'])
})

test('when all peers are full and room will come, the best route is waited for', async () => {
  const { open, tried } = openerAmong(['a', 'b'], [full('a'), full('b')])
  expect(await open()).toBe(session)
  expect(tried.at(-1)).toEqual({ peer: 'a', waitForRoomMs: roomWaitMs })
  expect(tried).toHaveLength(3)
})

test('in a large swarm that is full not every peer is asked before the session waits', async () => {
  const peers = Array.from({ length: 9 }, (_, index) => `p${index}`)
  const { open, tried } = openerAmong(peers, [full('p0'), full('p1'), full('p2')])
  expect(await open()).toBe(session)
  expect(tried.map(({ peer }) => peer)).toEqual(['p0', 'p1', 'p2', 'p0'])
})

test('a session that fits nowhere is refused without a wait', async () => {
  const refused = refusal('a', 'no-capacity', true)
  const { open, tried } = openerAmong(['a'], [refused])
  await expect(open()).rejects.toBe(refused)
  expect(tried).toHaveLength(1)
})

test('room that does not come in time is a refusal', async () => {
  const late = full('a')
  const { open, tried } = openerAmong(['a'], [full('a'), late])
  await expect(open()).rejects.toBe(late)
  expect(tried).toHaveLength(2)
})

test('a stage that dies while the session waits there is replaced, and the session waits on', async () => {
  const { open, tried } = openerAmong(
    ['a', 'b'],
    [full('a'), full('b'), refusal('a', 'peer-vanished', false)],
  )
  expect(await open()).toBe(session)
  expect(tried.at(-1)).toEqual({ peer: 'b', waitForRoomMs: roomWaitMs })
})

test('the only holder of the blocks may be between two lives: it is asked again for some seconds', async () => {
  const gone = refusal('a', 'peer-vanished', false)
  const { open, tried, clock } = openerAmong(['a'], [gone, gone, gone, gone])
  const opening = open()
  for (let turn = 0; turn < 5; turn += 1) {
    await settled()
    clock.advance(250)
  }
  expect(await opening).toBe(session)
  expect(tried.map(({ waitForRoomMs }) => waitForRoomMs)).toEqual(new Array(5).fill(undefined))
})

test('a refusal that every peer would repeat is passed on', async () => {
  const wrong = refusal('a', 'wrong-manifest', true)
  const { open, tried } = openerAmong(['a', 'b'], [wrong])
  await expect(open()).rejects.toBe(wrong)
  expect(tried).toHaveLength(1)
})

test('a peer that returns with other blocks is no reason to give up: another one may be about to serve them', async () => {
  const peers = ['a']
  const { open, tried, clock } = openerAmong(peers, [
    refusal('a', 'peer-vanished', false),
    refusal('a', 'wrong-range', true),
  ])
  const opening = open()
  for (let turn = 0; turn < 4; turn += 1) {
    await settled()
    clock.advance(250)
  }
  expect(await opening).toBe(session)
  expect(tried).toHaveLength(3)
})

test('while no peer holds the blocks, the route of before is not tried again', async () => {
  const peers = ['a']
  const { open, tried, clock } = openerAmong(peers, [refusal('a', 'peer-vanished', false)])
  const opening = open()
  await settled()
  peers.pop()
  for (let turn = 0; turn < 8; turn += 1) {
    clock.advance(250)
    await settled()
  }
  expect(tried).toHaveLength(1)
  peers.push('b')
  clock.advance(250)
  expect(await opening).toBe(session)
  expect(tried.map(({ peer }) => peer)).toEqual(['a', 'b'])
})

test('blocks that nobody serves within ten seconds end the opening, and the error names them', async () => {
  const peers = ['a']
  const { open, clock } = openerAmong(peers, [refusal('a', 'peer-vanished', false)])
  const opening = open()
  const refused = expect(opening).rejects.toMatchObject({ code: 'no-route' })
  await settled()
  peers.pop()
  for (let turn = 0; turn < 42; turn += 1) {
    clock.advance(250)
    await settled()
  }
  await refused
})
