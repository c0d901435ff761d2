import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeRandomModel } from '@shoal/model/node'

/** The shape of Llama 3.2 1B, on which figures are compared. */
export const llama1B = {
  hidden: 2048,
  blocks: 16,
  heads: 32,
  keyValueHeads: 8,
  feedForward: 8192,
  vocabulary: 128256,
  context: 4096,
  tied: true,
  seed: 1,
} as const

/** A tenth of the 1B shape: three processes hold it in little memory, and a block still takes a measurable time. */
export const llamaSmall = {
  ...llama1B,
  hidden: 1024,
  blocks: 12,
  heads: 16,
  keyValueHeads: 4,
  feedForward: 2816,
  vocabulary: 4096,
  context: 1024,
} as const

/** A quarter of its blocks, as wide as there: what half of a block costs beside computing is little, and four devices still share them. */
export const llamaWide = { ...llama1B, blocks: 4, vocabulary: 4096, context: 1024 } as const

/** The model a bench runs on: what the user named, or a random one of 1B shape, made once per data directory. */
export async function benchModel(
  ref: string | undefined,
  dataFolder: string,
  report: (line: string) => void,
): Promise<string> {
  return (
    ref ?? (await randomModel('random-llama-1b', llama1B, 'Llama-3.2-1B shape (2.5 GB)', dataFolder, report))
  )
}

/** The small model, for benches of several processes that do not measure computing. */
export async function smallBenchModel(
  ref: string | undefined,
  dataFolder: string,
  report: (line: string) => void,
): Promise<string> {
  return (
    ref ??
    (await randomModel(
      'random-llama-small',
      llamaSmall,
      'Llama shape (12 blocks of 1,024 columns)',
      dataFolder,
      report,
    ))
  )
}

/** For benches of several processes that cut blocks. */
export async function wideBenchModel(
  ref: string | undefined,
  dataFolder: string,
  report: (line: string) => void,
): Promise<string> {
  return (
    ref ??
    (await randomModel(
      'random-llama-wide',
      llamaWide,
      'Llama shape (4 blocks of 2,048 columns)',
      dataFolder,
      report,
    ))
  )
}

async function randomModel(
  name: string,
  shape: Parameters<typeof writeRandomModel>[1],
  words: string,
  dataFolder: string,
  report: (line: string) => void,
): Promise<string> {
  const folder = join(dataFolder, 'bench', name)
  if (await exists(join(folder, 'config.json'))) return folder
  report(`making a random model of ${words}, once …`)
  const pending = `${folder}.pending`
  await rm(pending, { recursive: true, force: true })
  await mkdir(pending, { recursive: true })
  await writeRandomModel(pending, shape)
  await rename(pending, folder)
  return folder
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
