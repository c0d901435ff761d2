import { createVirtualClock, orAborted, seededRandom, ShoalError, silentLogger } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { StageError, type Route, type RouteSession, type RouteSessionOptions } from '@shoal/session'
import { expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { smallManifest } from '../../testing/small-model.ts'
import { createSessionOpener } from './session-opener.ts'

/** Peers that hold all blocks, the fastest first. Those in `silent` take sessions and answer nothing. */
function swarmOf(peers: string[], silent: ReadonlySet<string> = new Set()) {
  const clock = createVirtualClock()
  const answers: string[] = []
  const trials: string[] = []
  const find = (range: Route[number]['range'], exclude: ReadonlySet<string>): Promise<Route> => {
    const peer = peers.find((candidate) => !exclude.has(candidate))
    if (peer === undefined) return Promise.reject(new ShoalError('no-route', 'nobody is left'))
    return Promise.resolve([{ peer, addresses: [], range, incarnation: 1, predictedStepMs: () => 1 }])
  }
  const openSession = createSessionOpener(
    {
      manifest: smallManifest(),
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      routes: { find, serving: () => peers },
    },
    {
      async open({ route, routes, onServed, signal = new AbortController().signal }: RouteSessionOptions) {
        const [stage] = route
        // Only answers can be moved to other stages.
        const isTrial = routes === undefined
        ;(isTrial ? trials : answers).push(stage!.peer)
        const forward = async (): Promise<Float32Array> => {
          onServed?.(route)
          return new Float32Array()
        }
        if (silent.has(stage!.peer)) {
          const never = new Promise<never>(() => undefined)
          await orAborted(never, signal).catch(() => {
            throw new StageError(stage!, 'deadline-passed', 'no answer')
          })
        }
        return { forward, close: () => Promise.resolve() } as Partial<RouteSession> as RouteSession
      },
    },
  )
  return {
    clock,
    peers,
    answers,
    trials,
    async answer() {
      const session = await openSession(6, 32, undefined)
      await session.forward(new Float32Array(), { want: 'last' })
      await settled()
    },
  }
}

test('the first answer takes the best route, since nobody has served yet', async () => {
  const swarm = swarmOf(['a', 'b'])
  await swarm.answer()
  expect([swarm.answers, swarm.trials]).toEqual([['a'], []])
})

test('a faster newcomer computes a row of a trial before it computes for an answer', async () => {
  const swarm = swarmOf(['a'])
  await swarm.answer()
  swarm.peers.unshift('newcomer')
  await swarm.answer()
  await swarm.answer()
  expect([swarm.answers, swarm.trials]).toEqual([['a', 'a', 'newcomer'], ['newcomer']])
})

test('newcomers that answer nothing hold up no answer, however many come, and few are tried at once', async () => {
  const silent = new Set(Array.from({ length: 10 }, (_, index) => `silent-${index}`))
  const swarm = swarmOf(['a'], silent)
  await swarm.answer()
  for (const peer of silent) {
    swarm.peers.unshift(peer)
    await swarm.answer()
  }
  expect(new Set(swarm.answers)).toEqual(new Set(['a']))
  expect(swarm.trials).toHaveLength(swarmLimits.trialsAtOnce)
  swarm.clock.advance(swarmLimits.trialTimeoutMs)
  await settled()
  // Those that were silent are avoided now, so the best of the others is tried.
  await swarm.answer()
  expect([swarm.answers.at(-1), swarm.trials.at(-1)]).toEqual(['a', 'silent-9'])
})

test('a newcomer is used at once when nobody else has the blocks', async () => {
  const swarm = swarmOf(['a'])
  await swarm.answer()
  swarm.peers.splice(0, 1, 'newcomer')
  await swarm.answer()
  expect([swarm.answers, swarm.trials]).toEqual([['a', 'newcomer'], []])
})
