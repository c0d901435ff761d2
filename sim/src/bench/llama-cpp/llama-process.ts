/**
 * A process that runs llama.cpp for the benches, through `node-llama-cpp`: its threads and its memory stay out of ours.
 * Answers each order with one message.
 */
import { messageOf } from '@shoal/host'

export type LlamaOrder =
  | { readonly order: 'load'; readonly path: string; readonly threads: number; readonly positions: number }
  /** Forgets what was computed, computes these tokens and draws one. */
  | { readonly order: 'prompt'; readonly promptIds: readonly number[] }
  /** Draws so many further tokens, each from the one before. */
  | { readonly order: 'decode'; readonly tokens: number }

export type LlamaReply = { readonly done: true } | { readonly failed: string }

/** What this file uses of `node-llama-cpp`, which may be absent. */
interface Sequence {
  evaluate(tokens: readonly number[], options: { temperature: number; yieldEogToken: boolean }): Tokens
  clearHistory(): Promise<void>
}
type Tokens = AsyncGenerator<number, void, void>
interface LlamaModule {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<{
    loadModel(options: Readonly<Record<string, unknown>>): Promise<{
      createContext(options: Readonly<Record<string, unknown>>): Promise<{ getSequence(): Sequence }>
    }>
  }>
}

let sequence: Sequence | null = null
let tokens: Tokens | null = null

async function load(path: string, threads: number, positions: number): Promise<void> {
  // A name in a variable: the compiler must not ask for the types of a package that may be absent.
  const name = 'node-llama-cpp'
  const module = (await import(name)) as LlamaModule
  const llama = await module.getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: 'error',
    maxThreads: threads,
  })
  // Pages of a mapped file would be read, and dropped, in the measured time.
  const model = await llama.loadModel({ modelPath: path, useMmap: false, gpuLayers: 0 })
  const context = await model.createContext({
    contextSize: positions,
    batchSize: 512,
    threads: { ideal: threads, min: threads },
    ignoreMemorySafetyChecks: true,
  })
  sequence = context.getSequence()
}

async function prompt(promptIds: readonly number[]): Promise<void> {
  if (sequence === null) throw new Error('no model is loaded')
  await tokens?.return()
  await sequence.clearHistory()
  tokens = sequence.evaluate(promptIds, { temperature: 0, yieldEogToken: true })
  await decode(1)
}

async function decode(count: number): Promise<void> {
  for (let made = 0; made < count; made += 1) {
    const { done } = (await tokens?.next()) ?? { done: true }
    if (done === true) throw new Error('llama.cpp ended its answer')
  }
}

async function obey(order: LlamaOrder): Promise<void> {
  switch (order.order) {
    case 'load':
      return load(order.path, order.threads, order.positions)
    case 'prompt':
      return prompt(order.promptIds)
    case 'decode':
      return decode(order.tokens)
  }
}

// The channel keeps this process alive, and nothing else may.
process.once('disconnect', () => process.exit())
process.on('message', (order: LlamaOrder) => {
  const reply = (message: LlamaReply): void => void process.send?.(message)
  obey(order).then(
    () => reply({ done: true }),
    (error: unknown) => reply({ failed: messageOf(error) }),
  )
})
