import { createVirtualClock, seededRandom, silentLogger, createMemoryBudget } from '@shoal/host'
import { createSampler, formatProfile, openModel, parseProfile } from '@shoal/model'
import { openFolder, packIntoFolder, type PackedFolder } from '@shoal/model/node'
import { createMemoryNetwork } from '@shoal/network'
import { createDevice, type BlockRunner, type Device } from '@shoal/runtime'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCoordinator } from '../coordinator/coordinator.ts'
import { settled } from '@shoal/host/testing'
import { generateTokens } from '../generation/generate.ts'
import { createLocalSession } from '../generation/local-session.ts'
import { createStageHost } from '../stage/stage-host.ts'
import type { HiddenSession, Route, RouteFinder } from '../route/types.ts'

const folder = resolve(import.meta.dirname, '../../../../test/golden/llama')
const { cases } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
  cases: { prompt: number[] }[]
}
const promptIds = cases[0]!.prompt
const memoryLimitBytes = 2 ** 28
const maxTokens = 60
const tokenBudget = promptIds.length + maxTokens

describe.each(['f32', 'int4:32'])('onnx runners, %s: a stage goes in mid-answer', (weights) => {
  const profile = parseProfile(weights)
  let path: string
  let packed: PackedFolder
  /** One thread, and two: the bits must not depend on it. */
  let device: Device
  let other: Device
  let single: BlockRunner[]
  let spares: BlockRunner[]
  let undisturbed: { ids: number[]; logits: Float32Array[] }
  let keyValues: Float32Array[]

  beforeAll(async () => {
    path = mkdtempSync(join(tmpdir(), 'shoal-failover-'))
    const source = await openModel(await openFolder(folder))
    packed = await packIntoFolder(source, profile, path)
    await source.close()
    const [first, second] = await Promise.all(
      [1, 2].map((threads) =>
        createDevice({
          kind: 'onnx',
          manifest: packed.manifest,
          folder: path,
          threads,
          logger: silentLogger,
        }),
      ),
    )
    device = first!
    other = second!
    single = await Promise.all(
      [0, 1, 2].map((start) =>
        device.loadBlocks({ start, end: start + 1 }, { memory: createMemoryBudget(memoryLimitBytes) }),
      ),
    )
    spares = await Promise.all(
      [
        { start: 0, end: 2 },
        { start: 1, end: 3 },
      ].map((range) => other.loadBlocks(range, { memory: createMemoryBudget(memoryLimitBytes) })),
    )
    const local = await createLocalSession(single, { session: 'undisturbed', tokenBudget })
    undisturbed = await generate(local, 128)
    keyValues = await Promise.all(single.map((runner) => runner.exportKeyValues('undisturbed')))
    await local.close()
  })
  afterAll(async () => {
    await device.close()
    await other.close()
    await packed.close()
    rmSync(path, { recursive: true })
  })

  async function generate(
    session: HiddenSession,
    chunkRows: number,
    atToken: (count: number) => void = () => undefined,
  ): Promise<{ ids: number[]; logits: Float32Array[] }> {
    const [embedding, head] = [await device.loadEmbedding(), await device.loadHead()]
    const sampler = createSampler({ temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }, 320)
    const ids: number[] = []
    const logits: Float32Array[] = []
    for await (const token of generateTokens({
      session,
      embedding,
      head,
      sampler,
      promptIds,
      maxTokens,
      chunkRows,
    })) {
      ids.push(token.tokenId)
      logits.push(token.logits.slice())
      atToken(ids.length)
    }
    return { ids, logits }
  }

  function createNodes() {
    const clock = createVirtualClock()
    const network = createMemoryNetwork({ clock, random: seededRandom(1) })
    const node = (peer: string, runner: BlockRunner, { numericClass }: Device) => {
      const transport = network.createTransport(peer)
      const host = createStageHost(
        { transport, clock, logger: silentLogger },
        { manifestId: packed.manifest.id, profile: formatProfile(profile), numericClass, incarnation: 1 },
      )
      void host.setRunners([runner])
      return {
        peer,
        host,
        runner,
        stage: {
          peer,
          addresses: transport.addresses(),
          range: runner.range,
          incarnation: 1,
          predictedStepMs: () => 1000,
        },
      }
    }
    const coordinator = createCoordinator({
      transport: network.createTransport('coordinator'),
      clock,
      logger: silentLogger,
    })
    return {
      network,
      coordinator,
      nodes: single.map((runner, index) => node(`node-${index}`, runner, device)),
      spares: spares.map((runner, index) => node(`spare-${index}`, runner, other)),
      open: (route: Route, routes: RouteFinder) =>
        coordinator.open({
          session: 'disturbed',
          manifestId: packed.manifest.id,
          profile: formatProfile(profile),
          hiddenSize: single[0]!.hiddenSize,
          range: { start: 0, end: 3 },
          route,
          routes,
          tokenBudget,
        }),
    }
  }

  test.each([
    ['dies', 0, 1],
    ['dies', 1, 5],
    ['dies', 2, 3],
    ['leaves', 0, 1],
    ['leaves', 1, 5],
    ['leaves', 2, 3],
  ])(
    'a stage %s, %i of three, prefill by %i rows: logits and KV are those of the undisturbed run, bit for bit',
    async (how, lost, chunkRows) => {
      const { network, coordinator, nodes, spares: spareNodes, open } = createNodes()
      const session = await open(
        nodes.map(({ stage }) => stage),
        {
          async find(range) {
            const { stage } = spareNodes.find(
              ({ runner }) => runner.range.start <= range.start && range.end <= runner.range.end,
            )!
            return [{ ...stage, range }]
          },
        },
      )
      const disturbed = await generate(session, chunkRows, (count) => {
        if (count !== 33) return
        if (how === 'dies') network.kill(`node-${lost}`)
        else nodes[lost]!.host.setDraining(true)
      })
      expect(disturbed.ids).toEqual(undisturbed.ids)
      expect(disturbed.logits).toEqual(undisturbed.logits)
      expect(session).toMatchObject({
        failovers: how === 'dies' ? 1 : 0,
        moves: how === 'dies' ? 0 : 1,
        continuity: 'identical',
      })
      const { peer } = session.route()[lost]!
      const { runner } = spareNodes.find((spare) => spare.peer === peer)!
      expect(await runner.exportKeyValues(`disturbed/${lost}/1`)).toEqual(keyValues[lost])
      if (how === 'leaves') expect(nodes[lost]!.host.sessions()).toBe(0)
      await session.close()
      await settled()
      expect(
        [...nodes.filter((_, index) => index !== lost), ...spareNodes].map(({ host }) => host.sessions()),
      ).toEqual([0, 0, 0, 0])
      await nodes[lost]!.host.close()
      await coordinator.close()
    },
  )

  test('a stage of two blocks leaves in the prefill, its blocks go to two peers: logits and KV are those of the undisturbed run, bit for bit', async () => {
    const { coordinator, nodes, spares: spareNodes, open } = createNodes()
    const leaving = spareNodes[0]!
    const session = await open([leaving.stage, nodes[2]!.stage], {
      async find(range) {
        return nodes
          .filter(({ runner }) => range.start <= runner.range.start && runner.range.end <= range.end)
          .map(({ stage }) => stage)
      },
    })
    leaving.host.setDraining(true)
    const disturbed = await generate(session, 2)
    expect(disturbed.ids).toEqual(undisturbed.ids)
    expect(disturbed.logits).toEqual(undisturbed.logits)
    expect(session).toMatchObject({ failovers: 0, moves: 1, continuity: 'identical' })
    expect(session.route().map(({ peer }) => peer)).toEqual(['node-0', 'node-1', 'node-2'])
    for (const index of [0, 1])
      expect(await nodes[index]!.runner.exportKeyValues(`disturbed/${index}/1`)).toEqual(keyValues[index])
    expect(leaving.host.sessions()).toBe(0)
    await session.close()
    await settled()
    await coordinator.close()
  })
})
