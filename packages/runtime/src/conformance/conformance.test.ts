import { keyValueBytesPerPosition } from '@shoal/model'
import { createMemoryBudget } from '@shoal/host'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { keyValueCases } from './key-values.ts'
import { conformanceCases } from './conformance.ts'
import { allDevices, plentyBytes } from '../testing/devices.ts'
import { goldenFolder, packFolder, type PackedModel } from '../testing/packed-model.ts'

const range = { start: 1, end: 3 }
const tokenRoom = 300

const runners = [
  ...Object.keys(allDevices).map((kind) => [kind, 'f32'] as const),
  ['onnx', 'f32+kv-int8'] as const,
]

describe.each(runners)('%s runner, %s', (kind, profile) => {
  let packed: PackedModel
  let device: Device
  beforeAll(async () => {
    packed = await packFolder(goldenFolder('llama'), profile)
    device = await allDevices[kind]!(packed)
  })
  afterAll(async () => {
    await device.close()
    packed.remove()
  })

  test.each([...conformanceCases, ...keyValueCases])('$name', async (given) => {
    const { config, profile } = packed.manifest.manifest
    const positionBytes = keyValueBytesPerPosition(config, profile.kv)
    const measuring = await device.loadBlocks(range, { memory: createMemoryBudget(plentyBytes) })
    const { weightBytes } = measuring.memory()
    await measuring.release()
    const roomBytes = tokenRoom * 2 * positionBytes
    const runner = await device.loadBlocks(range, { memory: createMemoryBudget(weightBytes + roomBytes) })
    try {
      await given.run({ runner, tokenRoom, positionBytes, ...config })
    } finally {
      await runner.release()
    }
  })
})
