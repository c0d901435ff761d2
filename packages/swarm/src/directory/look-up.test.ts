import { silentLogger } from '@shoal/host'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sayHello } from '../joining/hello.ts'
import { swarmLimits } from '../limits.ts'
import { createDirectoryHabitat, otherManifest, type DirectoryHabitat } from '../testing/directory-world.ts'
import { smallManifest } from '../testing/small-model.ts'
import { lookUp, type LookedUp } from './look-up.ts'
import { manifestTopic } from './topics.ts'

const manifest = smallManifest()
const anything = { manifest: null, profile: null, preferredProfile: null }
let world: DirectoryHabitat

beforeEach(async () => {
  world = createDirectoryHabitat()
  await world.node('bootstrap', otherManifest())
})
afterEach(() => world.close())

/** The lookup of a stranger that knows only the bootstrap node. @param onAsk called with each node that is asked */
async function search(
  onAsk: (peer: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<LookedUp<string>> {
  const { transport, directory } = await world.stranger('stranger', 'bootstrap')
  const ask = async (peer: string, ended: AbortSignal): Promise<string> => {
    onAsk(peer)
    const answer = await sayHello(
      { transport, clock: world.clock },
      peer,
      { agent: 'test', role: 'client', manifest: manifest.id, profile: null, model: null },
      ended,
    )
    return `${peer} of ${answer.model ?? 'nothing'}`
  }
  let over = false
  const searching = lookUp(
    { directory, transport, clock: world.clock, logger: silentLogger },
    [manifestTopic(manifest.id)],
    anything,
    ask,
    signal,
  ).finally(() => (over = true))
  searching.catch(() => undefined)
  for (let turn = 0; !over && turn < 600; turn += 1) await world.run(50)
  return searching
}

test('a node is found through a node of another model', async () => {
  await world.node('alice', manifest, { bootstrap: 'bootstrap' })
  expect(await search()).toEqual({ found: 'alice of small', named: 1, reasons: [] })
})

test('a dead node is named and asked, but never found', async () => {
  await world.node('ghost', manifest, { bootstrap: 'bootstrap' })
  await world.kill('ghost')
  const { found, named, reasons } = await search()
  expect({ found, named }).toEqual({ found: null, named: 1 })
  expect(reasons.join()).toContain('ghost')
})

test('a live node is found among dead ones', async () => {
  for (const name of ['g1', 'g2', 'g3', 'g4', 'g5', 'g6']) {
    await world.node(name, manifest, { bootstrap: 'bootstrap' })
    await world.kill(name)
  }
  await world.node('living', manifest, { bootstrap: 'bootstrap' })
  expect((await search()).found).toBe('living of small')
})

test('a node that is listed for another manifest than its own is asked and refused', async () => {
  const liar = await world.node('liar', otherManifest(), { bootstrap: 'bootstrap' })
  const provided = liar.directory.provide(manifestTopic(manifest.id), {
    signal: new AbortController().signal,
  })
  await world.run(20)
  await provided
  const asked: string[] = []
  // Records are ranked by manifest only when one is wanted. Here none is, so the node itself is asked.
  const { found, reasons } = await search((peer) => asked.push(peer))
  expect(found).toBeNull()
  expect(asked).toEqual(['liar'])
  expect(reasons.join()).toContain('liar')
})

test('the wait for a silent node is limited', async () => {
  await world.node('frozen', manifest, { bootstrap: 'bootstrap' })
  world.network.stop('stranger', 'frozen')
  const before = world.clock.nowMs()
  expect((await search()).reasons.join()).toContain('did not answer')
  expect(world.clock.nowMs() - before).toBeLessThan(
    swarmLimits.directoryAskMs + 2 * swarmLimits.directoryGraceMs + 500,
  )
})

test('without any peer of the directory nothing is found', async () => {
  await world.kill('bootstrap')
  const transport = world.network.createTransport('lonely')
  const directory = world.network.createDirectory('lonely', {
    rules: { order: () => Promise.reject(new Error('none')) },
    serve: false,
  })
  let over = false
  const searching = lookUp(
    { directory, transport, clock: world.clock, logger: silentLogger },
    ['x'],
    anything,
    () => Promise.reject(new Error('asked')),
  ).finally(() => (over = true))
  await world.run(swarmLimits.directorySearchMs - 100)
  expect(over).toBe(false)
  await world.run(200)
  expect(await searching).toEqual({ found: null, named: 0, reasons: [] })
})

test('an abort ends the lookup with its reason', async () => {
  const reason = new Error('the user went away')
  await expect(search(undefined, AbortSignal.abort(reason))).rejects.toBe(reason)
})
