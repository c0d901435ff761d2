import { createMemoryBudget } from '@shoal/host'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Device } from '../block-runner.ts'
import { keyValueCases } from './key-values.ts'
import { conformanceCases } from './conformance.ts'
import { keyValueBytesPerPosition } from '../costs/key-value-size.ts'
import { allDevices, plentyBytes } from '../testing/devices.ts'
import { goldenFolder, packFolder, type PackedModel } from '../testing/packed-model.ts'

const range = { start: 1, end: 3 }
const tokenRoom = 300

describe.each(Object.keys(allDevices))('%s runner', (kind) => {
  let packed: PackedModel
  let device: Device
  beforeAll(async () => {
    packed = await packFolder(goldenFolder('llama'), 'f32')
    device = await allDevices[kind]!(packed)
  })
  afterAll(async () => {
    await device.close()
    packed.remove()
  })

  test.each([...conformanceCases, ...keyValueCases])('$name', async (given) => {
    const { config } = packed.manifest.manifest
    const measuring = await device.loadBlocks(range, { memory: createMemoryBudget(plentyBytes) })
    const { weightBytes } = measuring.memory()
    await measuring.release()
    const roomBytes = tokenRoom * 2 * keyValueBytesPerPosition(config)
    const runner = await device.loadBlocks(range, { memory: createMemoryBudget(weightBytes + roomBytes) })
    try {
      await given.run({ runner, tokenRoom, ...config })
    } finally {
      await runner.release()
    }
  })
})
