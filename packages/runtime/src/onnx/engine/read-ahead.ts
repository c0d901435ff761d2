import { unitsOfRange, type ModelConfig } from '@shoal/model'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ReadAhead } from '../read-ahead.ts'

/**
 * Reads in a thread of its own, started at first use: the engine's thread is inside native code while the next block's
 * weights are to come from the disk, and would not start the second read. What was read is dropped; the system keeps it
 * for the engine.
 * @param folder of the units' files
 */
export function createReadAhead(config: ModelConfig, folder: string): ReadAhead {
  let worker: Worker | null = null
  return {
    read(blocks) {
      worker ??= startThread()
      worker.postMessage(unitsOfRange(config, blocks).map((unit) => join(folder, `${unit}.bin`)))
    },
    close: () => worker?.postMessage(null),
  }
}

function startThread(): Worker {
  const worker = new Worker(new URL('./read-ahead-thread.ts', import.meta.url), {
    name: 'shoal-read-ahead',
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
  })
  // Without the thread, weights are read when they are needed.
  worker.on('error', () => undefined)
  return worker
}
