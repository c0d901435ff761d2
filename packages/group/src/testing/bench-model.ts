import { silentLogger, createMemoryBudget } from '@shoal/host'
import {
  formatProfile,
  openModel,
  parseProfile,
  rankShare,
  splitBlocks,
  type BlockRange,
  type BlockSplit,
} from '@shoal/model'
import {
  openFolder,
  packIntoFolder,
  writeRandomModel,
  type PackedFolder,
  type RandomModelShape,
} from '@shoal/model/node'
import { createDevice, type BlockRunner, type Device, type SumRanks } from '@shoal/runtime'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Enough for a model of three blocks. */
export const memoryLimitBytes = 2 ** 28

/** A golden model, packed into a temporary folder, and devices that compute it. */
export interface BenchModel {
  readonly packed: PackedFolder
  readonly manifestId: string
  readonly profile: string
  addDevice(): Promise<Device>
  split(speeds: readonly number[]): BlockSplit
  /** Loads a rank's share on a device. */
  loadShare(
    device: Device,
    request: { readonly range: BlockRange; readonly split: BlockSplit; readonly rank: number },
    sum: SumRanks,
    signal?: AbortSignal,
  ): Promise<BlockRunner>
  /** Closes all devices and deletes the folder. */
  close(): Promise<void>
}

/** The shape of the golden models, with experts. */
const randomExperts: RandomModelShape = {
  family: 'qwen3_moe',
  hidden: 64,
  blocks: 3,
  heads: 4,
  keyValueHeads: 2,
  headSize: 16,
  feedForward: 160,
  experts: { count: 8, active: 3, size: 32 },
  vocabulary: 320,
  context: 512,
  tied: false,
  seed: 1,
}

/** @param model name of a golden model, or `random-experts` */
export async function createBenchModel(
  model: string,
  weights: string,
  kind: 'reference' | 'onnx',
): Promise<BenchModel> {
  const path = mkdtempSync(join(tmpdir(), 'shoal-group-'))
  const golden = resolve(import.meta.dirname, '../../../../test/golden', model)
  const random = join(path, 'random')
  if (model === 'random-experts') await writeRandomModel(random, randomExperts)
  const source = await openModel(await openFolder(model === 'random-experts' ? random : golden))
  const packed = await packIntoFolder(source, parseProfile(weights), join(path, 'packed'))
  await source.close()
  const { manifest } = packed
  const { config, profile } = manifest.manifest
  const devices: Device[] = []
  return {
    packed,
    manifestId: manifest.id,
    profile: formatProfile(profile),
    async addDevice() {
      const device = await createDevice(
        kind === 'onnx'
          ? { kind, manifest, folder: packed.path, threads: 1, logger: silentLogger }
          : { kind, manifest, readTensor: (name, offset, length) => packed.read(name, offset, length) },
      )
      devices.push(device)
      return device
    },
    split: (speeds) => splitBlocks(config, profile, speeds),
    loadShare(device, { range, split, rank }, sum, signal) {
      const share = rankShare(config, profile, split, rank)
      return device.loadRank(range, {
        share,
        sum,
        memory: createMemoryBudget(memoryLimitBytes),
        ...(signal !== undefined && { signal }),
      })
    },
    async close() {
      for (const device of devices) await device.close()
      await packed.close()
      rmSync(path, { recursive: true })
    },
  }
}
