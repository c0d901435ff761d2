import type { Route, RouteStage } from '@shoal/session'
import { expect, test } from 'vitest'
import { PrefixRoutes, type Prompt, type ReusableSession } from './prefix-routes.ts'

const ids = Array.from({ length: 100 }, (_, index) => index)
const owner = ''
const prompt: Prompt = { ids, owner, embed: (wanted) => Promise.resolve(Float32Array.from(wanted)) }

function stage(peer: string, msPerRow: number, start = 0, end = 8): RouteStage {
  return {
    peer,
    addresses: [],
    range: { start, end },
    incarnation: 1,
    predictedStepMs: (rows) => rows * msPerRow,
  }
}

/** Peers that serve all blocks, and routes that have `known` positions of the prompt at the peer `slow`. */
function routesAmong(peers: Readonly<Record<string, number>>, known: number): PrefixRoutes {
  const routes = new PrefixRoutes(
    {
      serving: () => Object.keys(peers),
      find: async ({ start, end }, exclude) => {
        const [name] = Object.keys(peers).filter((peer) => !exclude.has(peer))
        if (name === undefined) throw new Error('nobody is left')
        return [stage(name, peers[name]!, start, end)]
      },
    },
    { avoidedStages: () => new Set() },
  )
  const earlier = { certain: known, reused: 0, route: () => [{ peer: 'slow', start: 0, end: 8, ranks: 1 }] }
  routes.opened('earlier', owner, earlier as unknown as ReusableSession, undefined).remember?.(ids)
  return routes
}

const peersOf = (route: Route): string[] => route.map(({ peer }) => peer)

test('a route over stages that have the beginning of the prompt is preferred when the whole answer comes sooner', async () => {
  const peers = { fast: 1, slow: 1.4 }
  const best = [stage('fast', 1)]
  const half = await routesAmong(peers, 90).choose(prompt, best, 110)
  expect([peersOf(half.route), half.common?.length]).toEqual([['slow'], 90])
  // Of a long answer, the slower stage computes more than it saves.
  const long = await routesAmong(peers, 90).choose(prompt, best, 600)
  expect([peersOf(long.route), long.common]).toEqual([['fast'], null])
  const little = await routesAmong(peers, 32).choose(prompt, best, 150)
  expect(peersOf(little.route)).toEqual(['fast'])
})

test('a holder that serves no longer, or other blocks, is not waited for', async () => {
  const gone = await routesAmong({ fast: 1 }, 90).choose(prompt, [stage('fast', 1)], 110)
  expect([peersOf(gone.route), gone.common]).toEqual([['fast'], null])
})

test('a session along another route does not ask for the rows', async () => {
  const routes = routesAmong({ slow: 1 }, 90)
  const { route, common } = await routes.choose(prompt, [stage('slow', 1)], 110)
  expect((await routes.prefix(prompt, common, route))?.rows.length).toBe(90)
  expect(await routes.prefix(prompt, common, [stage('other', 1)])).toBeUndefined()
})

test('what the stages did not have any more is not asked for again', async () => {
  const routes = routesAmong({ slow: 1 }, 90)
  const asked = { session: 'earlier', rows: new Float32Array(90) }
  routes.opened(
    'later',
    owner,
    { certain: 0, reused: 0, route: () => [] } as unknown as ReusableSession,
    asked,
  )
  expect((await routes.choose(prompt, [stage('slow', 1)], 110)).common).toBeNull()
})
