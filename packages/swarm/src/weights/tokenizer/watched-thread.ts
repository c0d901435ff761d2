import { every, ShoalError, timeLimit, type Clock } from '@shoal/host'
import { ModelError } from '@shoal/model'
import { Worker } from 'node:worker_threads'
import { swarmLimits } from '../../limits.ts'
import type { TokenizerReady, TokenizerReply, TokenizerThreadData, TokenizerCall } from './tokenizer-calls.ts'

/** A tokenizing thread whose calls have limits of time and memory. One call at a time. */
export interface WatchedThread {
  /** @throws {ModelError} `limit-exceeded` when it took too long or too much memory */
  ready(): Promise<TokenizerReady>
  /** @throws {ModelError} as `ready` */
  call(call: TokenizerCall): Promise<TokenizerReply>
  /** Whether it has ended, by itself or by a limit. */
  readonly ended: boolean
  end(): Promise<void>
}

export function startWatchedThread(clock: Clock, data: TokenizerThreadData): WatchedThread {
  const worker = new Worker(new URL('./tokenizer-thread.ts', import.meta.url), {
    workerData: data,
    name: 'shoal-tokenizer',
    resourceLimits: { maxOldGenerationSizeMb: heapMiB(data.assets) + swarmLimits.tokenizeHeapReserveMiB },
  })
  const heapBytesMax = heapMiB(data.assets) * 1024 ** 2
  // A program that has nothing else to do may end.
  worker.unref()
  let waiting: PromiseWithResolvers<unknown> | null = null
  let ended = false
  const end = async (reason: Error): Promise<void> => {
    ended = true
    waiting?.reject(reason)
    waiting = null
    await worker.terminate()
  }
  worker.on('message', (message: unknown) => {
    waiting?.resolve(message)
    waiting = null
  })
  const fail = (reason: Error): void => {
    end(reason).catch(() => undefined) // It has ended by itself.
  }
  worker.on('error', (error) => fail(failureOf(error)))
  worker.on('exit', () => fail(new ShoalError('cancelled', 'the tokenizing thread has ended')))

  const answered = async <Answer>(limitMs: number, post: () => void): Promise<Answer> => {
    const next = Promise.withResolvers<unknown>()
    waiting = next
    const limit = timeLimit(clock, limitMs, () => tookTooLong(limitMs))
    limit.signal.addEventListener('abort', () => fail(limit.signal.reason as Error), { once: true })
    // V8 may abort the whole process when the thread's heap is full, so the thread is ended before.
    const watch = every(
      clock,
      swarmLimits.tokenizeHeapWatchMs,
      async () => {
        const { used_heap_size: usedBytes } = await worker.getHeapStatistics()
        if (usedBytes > heapBytesMax) fail(tookTooMuchMemory())
      },
      () => undefined, // The thread has ended.
    )
    // While somebody waits for an answer, the thread keeps the program alive.
    worker.ref()
    try {
      post()
      return (await next.promise) as Answer
    } finally {
      limit.clear()
      watch.cancel()
      worker.unref()
    }
  }
  const first = answered<TokenizerReady>(swarmLimits.tokenizerStartTimeoutMs, () => undefined)
  first.catch(() => undefined) // Whoever asks gets the error.
  return {
    ready: () => first,
    call: (call) => answered<TokenizerReply>(swarmLimits.tokenizeTimeoutMs, () => worker.postMessage(call)),
    get ended() {
      return ended
    },
    end: () => end(new ShoalError('cancelled', 'the tokenizer has been closed')),
  }
}

/** Room for the vocabulary and its maps, which grow with the files, and for one prompt. */
function heapMiB(assets: ReadonlyMap<string, Uint8Array>): number {
  const bytes = [...assets.values()].reduce((sum, file) => sum + file.byteLength, 0)
  return swarmLimits.tokenizeHeapMiB + Math.ceil((bytes * swarmLimits.tokenizeHeapPerByte) / 1024 ** 2)
}

function tookTooLong(limitMs: number): ModelError {
  const seconds = limitMs / 1000
  return new ModelError(
    'limit-exceeded',
    `the model's chat template or tokenizer did not finish within ${seconds} s; send token ids instead of text`,
  )
}

function failureOf(error: Error): Error {
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tookTooMuchMemory() : error
}

function tookTooMuchMemory(): ModelError {
  return new ModelError(
    'limit-exceeded',
    "the model's chat template or tokenizer needs too much memory for this prompt; send token ids instead of text",
  )
}
