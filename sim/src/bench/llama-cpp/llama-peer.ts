import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { usualEnvironment } from '@shoal/host/allocator'
import { writeGgufCopy } from './gguf-copy.ts'
import type { LlamaOrder, LlamaReply } from './llama-process.ts'
import type { GgmlFormatName } from './quantise-rows.ts'

/** llama.cpp with one model, in a process of its own. */
export interface LlamaPeer {
  /** Computes a prompt from nothing and draws one token. */
  prompt(promptIds: readonly number[]): Promise<void>
  /** Draws so many further tokens. */
  decode(tokens: number): Promise<void>
  close(): void
}

export interface LlamaPeerSettings {
  /** Folder in Hugging Face layout. */
  readonly model: string
  readonly format: GgmlFormatName
  readonly threads: number
  /** Of the longest answer, prompt included. */
  readonly positions: number
  readonly dataFolder: string
}

const packageName = 'node-llama-cpp'

/** Why llama.cpp cannot be measured here; null when it can. */
export function llamaCppMissing(): string | null {
  try {
    import.meta.resolve(packageName)
    return null
  } catch {
    return `ratios over llama.cpp are left out: the optional package ${packageName} is not installed (npm install --include=optional)`
  }
}

/**
 * Starts llama.cpp with a copy of the model in one of its formats; the copy is made once per data folder.
 * @throws {Error} for models that are not compared, and where llama.cpp cannot run
 */
export async function startLlamaPeer(settings: LlamaPeerSettings): Promise<LlamaPeer> {
  const { model, format, threads, positions, dataFolder } = settings
  const folder = join(dataFolder, 'bench')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${basename(model)}-${format}.gguf`)
  await writeGgufCopy(model, path, format)
  const child = fork(fileURLToPath(new URL('./llama-process.ts', import.meta.url)), {
    // llama.cpp prints what it thinks of the file.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // As its users run it: the setting of our allocator is part of Shoal.
    env: { ...usualEnvironment(process.env) },
  })
  const close = (): void => void child.kill('SIGKILL')
  try {
    await tell(child, { order: 'load', path, threads, positions })
  } catch (error) {
    close()
    throw error
  }
  return {
    prompt: (promptIds) => tell(child, { order: 'prompt', promptIds }),
    decode: (tokens) => tell(child, { order: 'decode', tokens }),
    close,
  }
}

async function tell(child: ChildProcess, order: LlamaOrder): Promise<void> {
  const ended = new AbortController()
  const onExit = (): void => ended.abort(new Error('the process of llama.cpp ended'))
  child.once('exit', onExit)
  try {
    const answered = once(child, 'message', { signal: ended.signal }) as Promise<[LlamaReply]>
    child.send(order)
    const [reply] = await answered
    if ('failed' in reply) throw new Error(`llama.cpp: ${reply.failed}`)
  } catch (error) {
    throw ended.signal.aborted ? (ended.signal.reason as Error) : error
  } finally {
    child.off('exit', onExit)
  }
}
