import { silentLogger, createMemoryBudget } from '@shoal/host'
import { createOnnxDevice } from '../onnx/device.ts'
import { plentyBytes } from './devices.ts'
import { randomModel, smallLlama } from './random-model.ts'

/** A program that ends while its device is computing. Status 7 says that it could. */
const rowCount = 2048
const config = { ...smallLlama, hiddenSize: 1024, feedForwardSize: 4096 }
const packed = randomModel(config, 'f32')
const device = await createOnnxDevice({
  manifest: packed.manifest,
  folder: packed.folder,
  threads: 1,
  logger: silentLogger,
})
const runner = await device.loadBlocks({ start: 0, end: 2 }, { memory: createMemoryBudget(plentyBytes) })
packed.remove()
await runner.open('session', rowCount + 1)
const first = runner.forward('session', 0, new Float32Array(config.hiddenSize).fill(1))
const second = runner.forward('session', 1, new Float32Array(rowCount * config.hiddenSize).fill(1))
second.catch(() => process.exit(8))
await first
// The worker has begun the second call by now: it was queued behind the first.
process.exit(7)
