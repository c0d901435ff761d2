import { createSerialQueue, timeLimit, type Clock } from '@shoal/host'
import { ModelError } from '@shoal/model'
import { Worker } from 'node:worker_threads'
import { grammarLimits } from '../limits.ts'
import type { MatcherCall, MatcherReply, VocabularyBytes } from './matcher-calls.ts'

/** The thread had ended before it could answer: through another call, or because it was closed. */
export class ThreadEnded extends Error {
  constructor() {
    super('the thread that matches grammars has ended')
    this.name = 'ThreadEnded'
  }
}

/** A thread of matchers whose calls have limits of time and memory. Calls are answered one at a time, in order. */
export interface WatchedThread {
  /**
   * @throws {ModelError} when this call has ended the thread, or the library refuses what it asks for
   * @throws {ThreadEnded}
   */
  call(call: MatcherCall, timeoutMs: number): Promise<MatcherReply>
  readonly ended: boolean
  end(): Promise<void>
}

export function startWatchedThread(clock: Clock, vocabulary: VocabularyBytes): WatchedThread {
  return new MatcherThread(clock, vocabulary)
}

class MatcherThread implements WatchedThread {
  readonly #clock: Clock
  readonly #worker: Worker
  readonly #queue = createSerialQueue()
  #waiting: PromiseWithResolvers<MatcherReply> | null = null
  ended = false

  constructor(clock: Clock, vocabulary: VocabularyBytes) {
    this.#clock = clock
    this.#worker = new Worker(new URL('./matcher-thread.ts', import.meta.url), {
      workerData: vocabulary,
      name: 'shoal-grammar',
      // The library prints only warnings about grammars for its developers.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: grammarLimits.heapMiBMax },
    })
    this.#worker.stdout.resume()
    this.#worker.stderr.resume()
    // A program that has nothing else to do may end.
    this.#worker.unref()
    this.#worker.on('message', (reply: MatcherReply) => {
      this.#waiting?.resolve(reply)
      this.#waiting = null
    })
    this.#worker.on('error', (error) => this.#fail(refusal(`its thread has failed: ${error.message}`)))
    this.#worker.on('exit', () => this.#fail(refusal('its thread has ended')))
    // The first message says that the vocabulary has been read.
    this.#queue
      .run(() => this.#answered(grammarLimits.startTimeoutMs, () => undefined))
      .catch(() => undefined) // The calls behind it find that the thread has ended.
  }

  call(call: MatcherCall, timeoutMs: number): Promise<MatcherReply> {
    return this.#queue.run(async () => {
      const reply = await this.#answered(timeoutMs, () => this.#worker.postMessage(call))
      if (reply.failure === undefined) return reply
      // A fatal error leaves the library in no state to go on.
      await this.end()
      throw refusal(reply.failure)
    })
  }

  async end(): Promise<void> {
    this.#fail(new ThreadEnded())
    // Whoever waits for the end must not be left behind by a program that has nothing else to do.
    this.#worker.ref()
    await this.#worker.terminate()
  }

  #fail(reason: Error): void {
    this.ended = true
    this.#waiting?.reject(reason)
    this.#waiting = null
  }

  async #answered(timeoutMs: number, post: () => void): Promise<MatcherReply> {
    if (this.ended) throw new ThreadEnded()
    const next = Promise.withResolvers<MatcherReply>()
    this.#waiting = next
    const limit = timeLimit(this.#clock, timeoutMs, () =>
      refusal(`it takes more than ${timeoutMs / 1000} s; a smaller schema helps`),
    )
    const stop = (): void => {
      this.#fail(limit.signal.reason as Error)
      this.#worker.terminate().catch(() => undefined) // It has ended by itself.
    }
    limit.signal.addEventListener('abort', stop, { once: true })
    // While somebody waits for an answer, the thread keeps the program alive.
    this.#worker.ref()
    try {
      post()
      return await next.promise
    } finally {
      limit.clear()
      if (!this.ended) this.#worker.unref()
    }
  }
}

function refusal(reason: string): ModelError {
  return new ModelError('bad-request', `this grammar cannot be used: ${reason}`)
}
