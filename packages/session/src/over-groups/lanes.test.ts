import { seededRandom, silentLogger, createMemoryBudget } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createSampler, formatProfile, openModel, parseProfile, rankShare, splitBlocks } from '@shoal/model'
import { openFolder, packIntoFolder, type PackedFolder } from '@shoal/model/node'
import { createLibp2pTransport, createPeerKey, type Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { createDevice, decorateRunner, type Device } from '@shoal/runtime'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { generateTokens } from '../generation/generate.ts'
import { createLocalSession } from '../generation/local-session.ts'
import { type GroupPeer, createGroupRunner, type GroupRunner, createRankHost } from '@shoal/group'

/*
 * Ranks with real computing threads and sockets, which a memory network does not have. These tests run by the system's
 * clock.
 */

const golden = resolve(import.meta.dirname, '../../../../test/golden/llama')
const { cases } = JSON.parse(readFileSync(join(golden, 'golden.json'), 'utf8')) as {
  cases: { prompt: number[]; greedy: number[] }[]
}
const [expected] = cases
const range = { start: 0, end: 3 }
const memoryLimitBytes = 2 ** 28
const { signal } = new AbortController()

let folder: string
let packed: PackedFolder
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-lanes-'))
  const source = await openModel(await openFolder(golden))
  packed = await packIntoFolder(source, parseProfile('f32'), folder)
  await source.close()
})
afterAll(async () => {
  await packed.close()
  rmSync(folder, { recursive: true })
})

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

interface Rank extends GroupPeer {
  readonly transport: Transport
}

async function addTransport(direct: boolean): Promise<Transport> {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    ...(direct ? { direct: { protocols: [protocols.group], random: systemRandom } } : {}),
  })
  open.push(transport)
  return transport
}

async function addDevice(reference = false): Promise<Device> {
  const { manifest } = packed
  const device = reference
    ? await createDevice({
        kind: 'reference',
        manifest,
        readTensor: (name, offset, length) => packed.read(name, offset, length),
      })
    : await createDevice({ kind: 'onnx', manifest, folder: packed.path, threads: 1, logger: silentLogger })
  open.push(device)
  return device
}

async function addRank(
  direct = true,
  reference = false,
  onForward: () => Promise<unknown> | null = () => null,
): Promise<Rank> {
  const { config, profile } = packed.manifest.manifest
  const [transport, device] = [await addTransport(direct), await addDevice(reference)]
  const host = createRankHost(
    { transport, clock: systemClock, logger: silentLogger },
    {
      manifestId: packed.manifest.id,
      profile: formatProfile(profile),
      numericClass: device.numericClass,
      accepts: () => true,
      async load({ split, rank, sum, range: blocks }, ended) {
        const runner = await device.loadRank(blocks, {
          share: rankShare(config, profile, split, rank),
          sum,
          memory: createMemoryBudget(memoryLimitBytes),
          signal: ended,
        })
        return decorateRunner(runner, {
          async forward(...given) {
            await onForward()
            return runner.forward(...given)
          },
        })
      },
    },
  )
  open.push(host)
  return { peer: transport.peerId, addresses: transport.addresses(), transport }
}

async function lead(
  speeds: readonly number[],
  members: readonly Rank[],
  spares: readonly Rank[] = [],
  direct = true,
): Promise<GroupRunner> {
  const { id, manifest } = packed.manifest
  const split = splitBlocks(manifest.config, manifest.profile, speeds)
  const [transport, device] = [await addTransport(direct), await addDevice()]
  const runner = await createGroupRunner(
    {
      transport,
      clock: systemClock,
      random: seededRandom(3),
      logger: silentLogger,
      loadOwn: (sum) =>
        device.loadRank(range, {
          share: rankShare(manifest.config, manifest.profile, split, 0),
          sum,
          memory: createMemoryBudget(memoryLimitBytes),
        }),
    },
    {
      manifestId: id,
      profile: formatProfile(manifest.profile),
      range,
      split,
      numericClass: device.numericClass,
      members: members.map(({ peer, addresses }) => ({ peer, addresses })),
      spares,
      costs: { roundTripMs: 0.1, msPerByte: 1e-6, parallel: 8 },
    },
    signal,
  )
  open.push({ close: () => runner.release() })
  return runner
}

async function generate(
  runner: GroupRunner,
  onToken: (count: number) => Promise<void> | void = () => undefined,
): Promise<number[]> {
  const device = await addDevice(true)
  const [embedding, head] = [await device.loadEmbedding(), await device.loadHead()]
  const session = await createLocalSession([runner], { session: 'a', tokenBudget: 100 })
  const sampler = createSampler({ temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }, 320)
  const ids: number[] = []
  for await (const token of generateTokens({
    session,
    embedding,
    head,
    sampler,
    promptIds: expected!.prompt,
    maxTokens: expected!.greedy.length,
    chunkRows: 64,
  })) {
    ids.push(token.tokenId)
    await onToken(ids.length)
  }
  await session.close()
  return ids
}

/** Each call makes two sums per block. There is one call for the prompt and one for each token but the last. */
const sumsOf = (calls: number): number => 2 * (range.end - range.start) * calls

describe('lanes between the threads that compute', () => {
  test.each([[[1, 1]], [[2, 1, 1]]])('carry all sums of ranks of speeds %j', async (speeds) => {
    const members = await Promise.all(speeds.slice(1).map(() => addRank()))
    const runner = await lead(speeds, members)
    expect(await generate(runner)).toEqual(expected!.greedy)
    expect((await runner.sumsInThread(signal))?.sums).toBe(sumsOf(expected!.greedy.length))
  })

  test.each([
    ['the leader has no lanes', false, [true]],
    ['a member has no lanes', true, [false]],
    ['one of two members has no lanes', true, [true, false]],
  ])(
    'are not used where %s: sums go through the channels, with the same tokens',
    async (_name, direct, members) => {
      const ranks = await Promise.all(members.map((one) => addRank(one)))
      const runner = await lead([2, 1, 1].slice(0, ranks.length + 1), ranks, [], direct)
      expect(await generate(runner)).toEqual(expected!.greedy)
      expect((await runner.sumsInThread(signal))?.sums).toBe(0)
    },
  )

  test('are not used where the device of a member has no computing thread', async () => {
    const runner = await lead([1, 1], [await addRank(true, true)])
    expect(await generate(runner)).toEqual(expected!.greedy)
    expect((await runner.sumsInThread(signal))?.sums).toBe(0)
  })

  test('are made anew when a member that dies in the middle of an answer is replaced', async () => {
    const [one, two, spare] = await Promise.all([addRank(), addRank(), addRank()])
    const runner = await lead([2, 1, 1], [one, two], [spare])
    let before = 0
    const ids = await generate(runner, async (count) => {
      if (count !== 9) return
      await two.transport.close()
      before = (await runner.sumsInThread(signal))?.sums ?? 0
    })
    expect(ids).toEqual(expected!.greedy)
    expect(runner.repairs).toBe(1)
    expect((await runner.sumsInThread(signal))?.sums).toBeGreaterThan(before)
  })

  test('end when a member dies while the others wait for its part of a sum, and the member is replaced', async () => {
    let [calls, close]: [number, () => Promise<unknown>] = [0, () => Promise.resolve()]
    const going = await addRank(true, false, () => ((calls += 1) === 9 ? close() : null))
    close = () => going.transport.close()
    const [stays, spare] = await Promise.all([addRank(), addRank()])
    const runner = await lead([2, 1, 1], [stays, going], [spare])
    expect(await generate(runner)).toEqual(expected!.greedy)
    expect(runner.repairs).toBe(1)
  })

  test('are made anew by a group that takes over the shares of another one', async () => {
    const member = await addRank()
    const first = await lead([1, 1], [member])
    const [ids] = [await generate(first)]
    await first.release()
    const second = await lead([1, 1], [member])
    expect(await generate(second)).toEqual(ids)
    expect((await second.sumsInThread(signal))?.sums).toBe(sumsOf(expected!.greedy.length))
  })
})
