import { createVirtualClock, randomHex, seededRandom, silentLogger, createMemoryBudget } from '@shoal/host'
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
import type { HiddenSession } from '../route/types.ts'

/** A trained Llama of three blocks; the ids are those of the family's reference code. */
const folder = resolve(import.meta.dirname, '../../../../test/golden/llama')
const { cases } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
  cases: { prompt: number[]; greedy: number[] }[]
}
const memoryLimitBytes = 2 ** 28

const kinds: readonly [string, string, (packed: PackedFolder) => Promise<Device>][] = [
  [
    'reference',
    'f32',
    (packed) =>
      createDevice({
        kind: 'reference',
        manifest: packed.manifest,
        readTensor: (name, offset, length) => packed.read(name, offset, length),
      }),
  ],
  [
    'onnx',
    'f32',
    ({ manifest, path }) =>
      createDevice({ kind: 'onnx', manifest, folder: path, threads: 1, logger: silentLogger }),
  ],
  [
    'onnx',
    'int4:32',
    ({ manifest, path }) =>
      createDevice({ kind: 'onnx', manifest, folder: path, threads: 1, logger: silentLogger }),
  ],
]

describe.each(kinds)('%s runner, %s', (_, weights, createDevice) => {
  const profile = parseProfile(weights)
  let path: string
  let packed: PackedFolder
  let device: Device
  let manifestId: string
  let runners: BlockRunner[]

  beforeAll(async () => {
    path = mkdtempSync(join(tmpdir(), 'shoal-session-'))
    const source = await openModel(await openFolder(folder))
    packed = await packIntoFolder(source, profile, path)
    await source.close()
    manifestId = packed.manifest.id
    device = await createDevice(packed)
    runners = await Promise.all(
      [0, 1, 2].map((start) =>
        device.loadBlocks({ start, end: start + 1 }, { memory: createMemoryBudget(memoryLimitBytes) }),
      ),
    )
  })
  afterAll(async () => {
    await device.close()
    await packed.close()
    rmSync(path, { recursive: true })
  })

  async function generate(
    session: HiddenSession,
    promptIds: readonly number[],
    chunkRows: number,
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
      maxTokens: 32,
      chunkRows,
    })) {
      ids.push(token.tokenId)
      logits.push(token.logits)
    }
    return { ids, logits }
  }

  test('three stages give the bits of one process', async () => {
    const clock = createVirtualClock()
    const random = seededRandom(1)
    const network = createMemoryNetwork({ clock, random })
    const nodes = runners.map((runner, index) => {
      const transport = network.createTransport(`node-${index}`)
      const host = createStageHost(
        { transport, clock, logger: silentLogger },
        { manifestId, profile: formatProfile(profile), numericClass: device.numericClass, incarnation: 1 },
      )
      void host.setRunners([runner])
      return {
        host,
        runner,
        stage: {
          peer: transport.peerId,
          addresses: transport.addresses(),
          range: runner.range,
          incarnation: 1,
          predictedStepMs: () => 10,
        },
      }
    })
    const coordinator = createCoordinator({
      transport: network.createTransport('coordinator'),
      clock,
      logger: silentLogger,
    })
    const whole = await device.loadBlocks(
      { start: 0, end: 3 },
      { memory: createMemoryBudget(memoryLimitBytes) },
    )

    for (const [index, { prompt, greedy }] of cases.entries()) {
      const local = await createLocalSession([whole], { session: `local-${index}`, tokenBudget: 100 })
      const session = await coordinator.open({
        session: randomHex(random, 16),
        manifestId,
        profile: formatProfile(profile),
        hiddenSize: whole.hiddenSize,
        range: { start: 0, end: 3 },
        route: nodes.map(({ stage }) => stage),
        tokenBudget: 100,
      })
      const expected = await generate(local, prompt, 128)
      const answered = await generate(session, prompt, 1 + index * 8)
      expect(answered).toEqual(expected)
      if (weights === 'f32') expect(answered.ids).toEqual(greedy)
      await session.close()
      await local.close()
    }
    await settled()
    expect(nodes.map(({ host }) => host.sessions())).toEqual([0, 0, 0])
    await coordinator.close()
  })
})
