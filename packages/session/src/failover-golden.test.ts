import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createSampler, formatProfile, openModel, parseProfile } from '@shoal/model'
import { openFolder, packIntoFolder, type PackedFolder } from '@shoal/model/node'
import { createMemoryNetwork } from '@shoal/network'
import { createOnnxDevice, type BlockRunner, type Device } from '@shoal/runtime'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCoordinator } from './coordinator.ts'
import { settled } from './fake-swarm.ts'
import { generateTokens } from './generate.ts'
import { createLocalSession } from './local-session.ts'
import { createStageHost } from './stage-host.ts'
import type { HiddenSession, RouteFinder } from './types.ts'

const folder = resolve(import.meta.dirname, '../../../test/golden/llama')
const { cases } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as { cases: { prompt: number[] }[] }
const promptIds = cases[0]!.prompt
const memoryLimitBytes = 2 ** 28
const maxTokens = 60
const tokenBudget = promptIds.length + maxTokens

describe.each(['f32', 'int4:32'])('onnx runners, %s: a stage dies in mid-answer', (weights) => {
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
    const [first, second] = await Promise.all([1, 2].map((threads) => createOnnxDevice({ manifest: packed.manifest, folder: path, threads, logger: silentLogger })))
    device = first!
    other = second!
    single = await Promise.all([0, 1, 2].map((start) => device.loadBlocks({ start, end: start + 1 }, { memoryLimitBytes })))
    spares = await Promise.all([{ start: 0, end: 2 }, { start: 1, end: 3 }].map((range) => other.loadBlocks(range, { memoryLimitBytes })))
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

  async function generate(session: HiddenSession, chunkRows: number, atToken: (count: number) => void = () => undefined): Promise<{ ids: number[]; logits: Float32Array[] }> {
    const [embedding, head] = [await device.loadEmbedding(), await device.loadHead()]
    const sampler = createSampler({ temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 }, 320)
    const ids: number[] = []
    const logits: Float32Array[] = []
    for await (const token of generateTokens({ session, embedding, head, sampler, promptIds, maxTokens, chunkRows })) {
      ids.push(token.tokenId)
      logits.push(token.logits.slice())
      atToken(ids.length)
    }
    return { ids, logits }
  }

  test.each([
    [0, 1],
    [1, 5],
    [2, 3],
  ])('stage %i, prefill by %i rows: logits and rebuilt KV are those of the undisturbed run, bit for bit', async (lost, chunkRows) => {
    const clock = createVirtualClock()
    const network = createMemoryNetwork({ clock, random: seededRandom(1) })
    const node = (peer: string, runner: BlockRunner, { numericClass }: Device) => {
      const transport = network.createTransport(peer)
      const host = createStageHost({ transport, clock, logger: silentLogger }, { manifestId: packed.manifest.id, profile: formatProfile(profile), numericClass, incarnation: 1 })
      void host.setRunners([runner])
      return { peer, host, runner, stage: { peer, addresses: transport.addresses(), range: runner.range, incarnation: 1, predictedStepMs: () => 1000 } }
    }
    const nodes = single.map((runner, index) => node(`node-${index}`, runner, device))
    const spareNodes = spares.map((runner, index) => node(`spare-${index}`, runner, other))
    const routes: RouteFinder = {
      async find(range) {
        const { stage } = spareNodes.find(({ runner }) => runner.range.start <= range.start && range.end <= runner.range.end)!
        return [{ ...stage, range }]
      },
    }
    const coordinator = createCoordinator({ transport: network.createTransport('coordinator'), clock, logger: silentLogger })
    const session = await coordinator.open({
      session: 'disturbed',
      manifestId: packed.manifest.id,
      profile: formatProfile(profile),
      hiddenSize: single[0]!.hiddenSize,
      range: { start: 0, end: 3 },
      route: nodes.map(({ stage }) => stage),
      routes,
      tokenBudget,
    })
    const disturbed = await generate(session, chunkRows, (count) => {
      if (count === 33) network.kill(`node-${lost}`)
    })
    expect(disturbed.ids).toEqual(undisturbed.ids)
    expect(disturbed.logits).toEqual(undisturbed.logits)
    expect(session.failovers).toBe(1)
    expect(session.continuity).toBe('identical')
    const { peer } = session.route()[lost]!
    const { runner } = spareNodes.find((spare) => spare.peer === peer)!
    expect(await runner.exportKeyValues(`disturbed/${lost}/1`)).toEqual(keyValues[lost])
    await session.close()
    await settled()
    expect([...nodes.filter((_, index) => index !== lost), ...spareNodes].map(({ host }) => host.sessions())).toEqual([0, 0, 0, 0])
    await nodes[lost]!.host.close()
    await coordinator.close()
  })
})
