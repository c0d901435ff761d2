import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeRandomModel } from '@shoal/model/node'

/** The shape of Llama 3.2 1B: what figures are compared on. */
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

/** The model a bench runs on: what the user named, or a random one of 1B shape, made once per data directory. */
export async function benchModel(ref: string | undefined, dataFolder: string, report: (line: string) => void): Promise<string> {
  if (ref !== undefined) return ref
  const folder = join(dataFolder, 'bench', 'random-llama-1b')
  if (await exists(join(folder, 'config.json'))) return folder
  report('making a random model of Llama-3.2-1B shape (2.5 GB), once …')
  const pending = `${folder}.pending`
  await rm(pending, { recursive: true, force: true })
  await mkdir(pending, { recursive: true })
  await writeRandomModel(pending, llama1B)
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
