import { spawn } from 'node:child_process'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, program, type Up } from './harness.ts'
import { startMeteredProxy, type MeteredProxy } from './metered-proxy.ts'

const MiB = 1 << 20
const world = createWorld()
const model = world.folder('random')
/** Blocks of 15 MiB each: large enough to interrupt a download. */
const shape = [
  '--hidden',
  '512',
  '--blocks',
  '4',
  '--heads',
  '8',
  '--kv-heads',
  '4',
  '--feed-forward',
  '2048',
  '--vocabulary',
  '1000',
  '--context',
  '256',
]
/** No copies for others: the tests count the bytes that a span costs. */
const noCopies = ['--spare-disk', '0']
const proxies: MeteredProxy[] = []
let origin: Up
let unitBytes: ReadonlyMap<string, number>

beforeAll(async () => {
  const made = await world.run(['model', 'random', model, ...shape])
  expect(made.code, made.stderr).toBe(0)
  const { units } = (await world.run(['model', 'inspect', model, '--weights', 'f32', '--json'])).json() as {
    units: { unit: string; bytes: number }[]
  }
  unitBytes = new Map(units.map(({ unit, bytes }) => [unit, bytes]))
  origin = await world.up([
    '--model',
    model,
    '--weights',
    'f32',
    '--blocks',
    '2:4',
    '--data',
    world.folder('origin'),
  ])
})
afterAll(async () => {
  for (const proxy of proxies) await proxy.close()
  await world.close()
})

const spanBytes = (...units: string[]): number =>
  units.reduce((sum, unit) => sum + (unitBytes.get(unit) ?? Number.NaN), 0)

/** An address of the origin behind a link that the test controls. */
async function throughProxy(): Promise<{ proxy: MeteredProxy; address: string }> {
  const port = /\/tcp\/(\d+)\//.exec(origin.address)?.[1]
  const proxy = await startMeteredProxy(Number(port))
  proxies.push(proxy)
  return { proxy, address: origin.address.replace(`/tcp/${port}/`, `/tcp/${proxy.port}/`) }
}

/** Number of pieces that an unfinished download has recorded. */
async function writtenPieces(dataFolder: string): Promise<number> {
  const models = join(dataFolder, 'models')
  const files = (await readdir(models, { recursive: true })).filter((name) => name.endsWith('pieces'))
  const lists = await Promise.all(files.map((name) => readFile(join(models, name), 'utf8')))
  return lists
    .join('')
    .split('\n')
    .filter((line) => line.includes('"sha256"')).length
}

interface Status {
  readonly transfers: readonly {
    readonly peer: string
    readonly receivedBytes: number
    readonly wrongPieces: number
  }[]
}

/** Status from a node's API, once embedding and head are loaded. */
async function statusOf({ ready }: Up): Promise<Status> {
  for (;;) {
    const response = await fetch(`${ready.api}/swarm`)
    if (response.ok) return (await response.json()) as Status
    await sleep(systemClock, 20)
  }
}

it('a node that knows only an address fetches its span once, and computes as one process does, with weights that its memory does not hold', async () => {
  const { proxy, address } = await throughProxy()
  const node = await world.up([
    '--join',
    address,
    '--blocks',
    '0:2',
    '--memory',
    '32MiB',
    '--stream-weights',
    ...noCopies,
    '--data',
    world.folder('joiner'),
  ])
  expect(node.ready).toMatchObject({ streaming: { blocks: 2, residentBlocks: 0 } })
  const wanted = spanBytes('block-0', 'block-1')
  expect(proxy.passedBytes).toBeGreaterThan(wanted)
  expect(proxy.passedBytes).toBeLessThanOrEqual(1.05 * wanted)

  const ask = [
    '--prompt-ids',
    '1,2,3,5,8,13',
    '--max-tokens',
    '12',
    '--temperature',
    '0',
    '--ignore-eos',
    '--json',
  ]
  const swarm = await world.run(['generate', '--model', model, '--join', origin.address, ...ask])
  expect(swarm.code, swarm.stderr).toBe(0)
  const local = await world.run(['generate', '--model', model, '--weights', 'f32', '--local', ...ask])
  const [there, here] = [swarm.json(), local.json()] as { tokenIds: number[]; route: { peer: string }[] }[]
  expect(there?.tokenIds).toEqual(here?.tokenIds)
  expect(there?.route.map(({ peer }) => peer)).toEqual([node.ready.peerId, origin.ready.peerId])
  expect(await node.stop()).toBe(0)
})

it('after kill -9 during a download the next start fetches only the missing pieces', async () => {
  const { proxy, address } = await throughProxy()
  const dataFolder = world.folder('killed')
  const words = ['--join', address, '--blocks', '0:2', ...noCopies, '--data', dataFolder]
  const wanted = spanBytes('block-0', 'block-1')
  const enough = proxy.allow(Math.floor(0.7 * wanted))
  const victim = spawn(process.execPath, [program, 'up', '--json', ...words], {
    stdio: 'ignore',
  })
  const died = new Promise<NodeJS.Signals | null>((resolve) =>
    victim.once('exit', (_code, signal) => resolve(signal)),
  )
  try {
    await enough
  } finally {
    victim.kill('SIGKILL')
  }
  expect(await died).toBe('SIGKILL')
  const whole = (await readdir(join(dataFolder, 'models'), { recursive: true })).filter((name) =>
    name.endsWith('.bin'),
  ).length
  const kept = (await writtenPieces(dataFolder)) * MiB + whole * spanBytes('block-0')
  expect(kept).toBeGreaterThan(0.3 * wanted)

  // At its old port the origin could dial the node at once, and would send the pieces past the proxy.
  await rm(join(dataFolder, 'ports.json'), { force: true })
  const before = proxy.passedBytes
  void proxy.allow(Number.POSITIVE_INFINITY)
  const node = await world.up(words)
  const again = proxy.passedBytes - before
  // Last pieces of tensors are smaller than a piece, so `kept` is a little more than what is on the disk.
  expect(again).toBeLessThanOrEqual(wanted - kept + 0.05 * wanted + 4 * MiB)
  expect(again).toBeGreaterThan(wanted - kept)
  expect(await node.stop()).toBe(0)
})

it('a node fetches from two holders at once, and its status counts the bytes of each', async () => {
  const second = await world.up([
    '--join',
    origin.address,
    '--blocks',
    '0:2',
    ...noCopies,
    '--data',
    world.folder('second'),
  ])
  const third = await world.up([
    '--join',
    second.address,
    '--blocks',
    '0:2',
    ...noCopies,
    '--data',
    world.folder('third'),
    '--api',
    '127.0.0.1:0',
  ])
  const status = await statusOf(third)
  // The API coordinates, and so needs embedding and head too; only the origin has those.
  const wanted = spanBytes('block-0', 'block-1', 'embed', 'head')
  const total = status.transfers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
  expect(total).toBeGreaterThan(0.99 * wanted)
  expect(total).toBeLessThanOrEqual(1.05 * wanted)
  expect(new Set(status.transfers.map(({ peer }) => peer))).toEqual(
    new Set([origin.ready.peerId, second.ready.peerId]),
  )
  expect(status.transfers.filter(({ wrongPieces }) => wrongPieces > 0)).toEqual([])
  // `shoal status` gets the figures of each node from that node.
  const seen = (await world.run(['status', '--join', second.address, '--json'])).json() as {
    peers: { peer: string; fetchedBytes?: number }[]
  }
  expect(seen.peers.find(({ peer }) => peer === third.ready.peerId)?.fetchedBytes).toBe(total)
  expect(seen.peers.find(({ peer }) => peer === origin.ready.peerId)?.fetchedBytes).toBe(0)
  for (const node of [third, second]) expect(await node.stop()).toBe(0)
})

it('model pull packs once, and its manifest id is that of a swarm of the model', async () => {
  const words = ['model', 'pull', model, '--weights', 'f32', '--data', world.folder('pulled'), '--json']
  const [first, second] = [await world.run(words), await world.run(words)]
  expect(first.code, first.stderr).toBe(0)
  expect(first.json()).toMatchObject({ manifest: origin.ready.manifest, profile: 'f32' })
  expect(second.json()).toEqual(first.json())
})

it('F14: the hash reveals a holder with corrupted weights, and another holder gives the right ones', async () => {
  const dataFolder = world.folder('rotten')
  const rotten = await world.up(['--join', origin.address, '--blocks', '0:2', '--data', dataFolder])
  const models = join(dataFolder, 'models')
  const files = (await readdir(models, { recursive: true }))
    .filter((name) => name.endsWith('block-0.bin'))
    .map((name) => join(models, name))
  expect(files).toHaveLength(1)
  const bytes = await readFile(files[0]!)
  for (let at = 0; at < bytes.byteLength; at += MiB / 4) bytes[at]! ^= 1
  await writeFile(files[0]!, bytes)
  const node = await world.up([
    '--join',
    rotten.address,
    '--blocks',
    '0:1',
    '--data',
    world.folder('third'),
    '--api',
    '127.0.0.1:0',
  ])
  const { transfers } = await statusOf(node)
  expect(transfers.filter(({ wrongPieces }) => wrongPieces > 0).map(({ peer }) => peer)).toEqual([
    rotten.ready.peerId,
  ])
  expect(transfers.find(({ peer }) => peer === origin.ready.peerId)!.receivedBytes).toBeGreaterThan(0)
  for (const ended of [node, rotten]) await ended.stop('SIGKILL')
})

it('F13: blocks that do not fit are refused before loading, and the plan assigns only what fits', async () => {
  const refused = await world.run([
    'up',
    '--join',
    origin.address,
    '--blocks',
    '0:2',
    '--memory',
    '8MiB',
    '--data',
    world.folder('small'),
  ])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/blocks 0:2 need \d+ bytes, the limit is 8388608/)
  const small = await world.up([
    '--join',
    origin.address,
    '--memory',
    '8MiB',
    '--data',
    world.folder('small'),
  ])
  expect(small.ready.blocks).toBeNull()
  const one = await world.up(['--join', origin.address, '--memory', '24MiB', '--data', world.folder('one')])
  expect(one.ready.blocks![1] - one.ready.blocks![0]).toBe(1)
  for (const node of [small, one]) expect(await node.stop()).toBe(0)
})
