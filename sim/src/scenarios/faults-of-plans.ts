import { silentLogger } from '@shoal/host'
import { blocksThatFit, modelCosts } from '@shoal/planner'
import { createCoordinator, StageError } from '@shoal/session'
import { createReputation, fetchUnit, serveBlobs } from '@shoal/swarm/components'
import { form } from '../simulator/calm.ts'
import { createMemoryDownload } from '../simulator/memory-download.ts'
import { agreements, wrongViews } from '../simulator/truth.ts'
import { memoryFor, type World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { finished, must, request } from './telling.ts'

const agreed = (world: World): boolean => wrongViews(world).length === 0 && agreements(world).size === 1

async function slowJoins(world: World): Promise<void> {
  await form(world, ['c0'])
  await world.loop.run(3000)
  const before = new Map(
    [...world.nodes].map(([name, { member }]) => [name, JSON.stringify(member.keeper.held())]),
  )
  world.add({
    name: 'slow',
    site: 0,
    memoryBytes: memoryFor(7, world.model),
    decodeMicrosPerBlock: 25_000,
    numericClass: 'one',
  })
  await world.start('slow')
  await world.loop.run(10_000)
  must(world, await world.loop.until(() => agreed(world), 10_000), 'they do not agree on a plan')
  const plan = world.clients.get('c0')!.view.plan()
  must(
    world,
    plan.route.every(({ peer }) => peer !== 'slow'),
    `the route passes the slow node: ${JSON.stringify(plan.route)}`,
  )
  for (const [name, held] of before)
    must(
      world,
      JSON.stringify(world.nodes.get(name)?.member.keeper.held()) === held,
      `${name} moved for a slow node`,
    )
  const generation = await finished(world, await world.ask('c0', request(world)))
  must(
    world,
    world.nodes.get('slow')?.device.rows === 0 && generation.state === 'done',
    'the slow node computed',
  )
}

async function noRoom(world: World): Promise<void> {
  const { model } = world
  const { config, profile } = model.manifest.manifest
  const costs = modelCosts(config, profile)
  const like = world.sketches.get('n00')!
  world.add({ ...like, name: 'full-disk', diskFull: true })
  world.add({ ...like, name: 'no-memory', memoryBytes: Math.floor(memoryFor(1, model) / 4) })
  // This node is ordered to hold more than fits.
  world.add({ ...like, name: 'greedy', memoryBytes: 3 * costs.blockBytes, blocks: [0, 8] })
  const refusals: string[] = []
  world.rules.pardon((sentence) => {
    const known = /^(full-disk|greedy) says span-loading-failed/.test(sentence)
    if (known) refusals.push(sentence)
    return known
  })
  // One copy only: the plan may give a second copy to the node with the full disk, which cannot load it.
  await form(world, ['c0'], 1)
  await world.loop.run(25_000)
  for (const name of ['full-disk', 'no-memory', 'greedy']) {
    const node = world.nodes.get(name)
    const record = world.clients
      .get('c0')
      ?.membership.members()
      .find((member) => member.record.peerId === name)?.record
    must(
      world,
      node?.member.keeper.held() === null && record?.span === null && record.state === 'joining',
      `${name} announces ${JSON.stringify(record?.span)}`,
    )
  }
  must(
    world,
    refusals.some((sentence) => sentence.includes('disk')) &&
      refusals.some((sentence) => sentence.includes('no-capacity') || sentence.includes('limit')),
    `refused for: ${refusals.join('; ')}`,
  )
  for (const { peer, start, end } of world.clients.get('c0')!.view.plan().placements) {
    const memoryBytes = world.sketches.get(peer)?.memoryBytes ?? 0
    must(
      world,
      end - start <= blocksThatFit(memoryBytes, costs, costs.contextLength),
      `the plan gives ${peer} ${end - start} blocks`,
    )
  }
  await finished(world, await world.ask('c0', request(world)))
}

/** Real transfer of real tensors, one of whose holders changes a byte. */
async function corruptedChunk(world: World): Promise<void> {
  await form(world, [])
  const { network, model, loop } = world
  const { clock } = loop
  for (const [name, spoils] of [
    ['liar', true],
    ['honest', false],
  ] as const) {
    world.links.add(name, 0)
    serveBlobs(
      network.createTransport(name),
      {
        size: (blob) => model.blobs.get(blob)?.byteLength ?? null,
        async read(blob, offset, length) {
          const bytes = (model.blobs.get(blob) ?? new Uint8Array()).slice(offset, offset + length)
          if (spoils && bytes.length > 0) bytes[0] = bytes[0]! ^ 1
          return Promise.resolve(bytes)
        },
      },
      silentLogger,
      clock,
    )
  }
  world.links.add('asker', 0)
  const transport = network.createTransport('asker')
  for (const name of ['liar', 'honest']) transport.learn(name, [`/memory/${name}/p2p/${name}`])
  const reputation = createReputation(clock)
  const download = createMemoryDownload(model.manifest, 'block-3', 1024)
  const fetched = fetchUnit(
    { transport, clock, reputation, candidates: () => ['liar', 'honest'] },
    'block-3',
    download,
    { signal: new AbortController().signal, onProgress: () => undefined },
  )
  const outcome = await loop.within(
    fetched.then(() => download.commit()),
    120_000,
  )
  must(
    world,
    outcome !== undefined && 'value' in outcome && download.committed,
    `the weights did not come: ${JSON.stringify(outcome)}`,
  )
  const wrong = new Map(reputation.transfers().map(({ peer, wrongPieces }) => [peer, wrongPieces]))
  must(
    world,
    (wrong.get('liar') ?? 0) > 0 && (wrong.get('honest') ?? 0) === 0,
    `wrong pieces: ${JSON.stringify([...wrong])}`,
  )
}

async function badFirstSample(world: World): Promise<void> {
  const [victim] = world.sketches.keys()
  world.links.slow(victim!, 150)
  await form(world, ['c0'])
  await world.loop.run(2000)
  const fromMs = world.loop.clock.nowMs()
  world.links.slow(victim!, 0)
  await world.loop.run(45_000)
  must(world, await world.loop.until(() => agreed(world), 20_000), 'they do not agree on a plan')
  const record = world.clients
    .get('c0')
    ?.membership.members()
    .find((member) => member.record.peerId === victim)?.record
  const worst = Math.max(0, ...Object.values(record?.links ?? {}))
  must(world, worst > 0 && worst < 20_000, `${victim} still announces a round trip of ${worst} µs`)
  const moves = new Map<string, number>()
  for (const { atMs, node, event } of world.happenings)
    if (atMs > fromMs && event.event === 'blocks-changed') moves.set(node, (moves.get(node) ?? 0) + 1)
  for (const [node, count] of moves) must(world, count <= 2, `${node} moved ${count} times`)
  await finished(world, await world.ask('c0', request(world)))
}

async function otherModel(world: World): Promise<void> {
  await form(world, ['c0'])
  const client = world.clients.get('c0')!
  const route = await client.view.find({ start: 0, end: 8 }, new Set(), 32)
  const coordinator = createCoordinator({
    transport: client.transport,
    clock: client.life.clock,
    logger: silentLogger,
  })
  const opened = coordinator.open({
    session: 'f'.repeat(32),
    manifestId: 'e'.repeat(64),
    profile: 'f32',
    hiddenSize: 16,
    range: { start: 0, end: 8 },
    route,
    tokenBudget: 32,
  })
  const outcome = await world.loop.within(opened, 20_000)
  const error = outcome !== undefined && 'error' in outcome ? outcome.error : null
  must(
    world,
    error instanceof StageError && error.code === 'wrong-manifest',
    `a session of another model was answered with ${String(error)}`,
  )
  must(
    world,
    [...world.nodes.values()].every(({ device }) => device.rows === 0),
    'a stage computed for another model',
  )
}

const lan = { topology: 'lan', nodes: 5, nodesMin: 4 }

/** Faults F12 to F14, F16 and F19, of plans, weights and links. */
export const planFaults: readonly Scenario[] = [
  {
    ...lan,
    name: 'F12-slow-joins',
    about: 'a node that is ten times as slow joins; nobody moves for it',
    play: slowJoins,
  },
  {
    ...lan,
    name: 'F13-no-room',
    about: 'a full disk, too little memory, and a span that does not fit: refused before it is announced',
    play: noRoom,
  },
  {
    ...lan,
    name: 'F14-corrupted-chunk',
    about: 'one of two holders of weights changes a byte in each piece',
    play: corruptedChunk,
  },
  {
    ...lan,
    name: 'F16-bad-first-sample',
    about: 'a link looks 300 ms long at first; the plan follows what is measured later',
    play: badFirstSample,
  },
  {
    ...lan,
    name: 'F19-other-model',
    about: 'a session of another manifest is refused before it computes',
    play: otherModel,
  },
]
