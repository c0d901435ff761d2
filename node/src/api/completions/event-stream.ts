import type { Clock, Timer } from '@shoal/host'
import { apiLimits } from '../limits.ts'

export interface EventStreamOptions {
  /** Headers; the content type among them. */
  readonly headers: Record<string, string>
  /** Sent at once, and whenever nothing has come for `apiLimits.keepAliveMs`. Empty: nothing at once. */
  readonly keepAlive: () => string
  /** The answer is late already: the first thing to send is `keepAlive`. */
  readonly late: boolean
  /** The text that stands in for the rest when the source fails: the status has been sent already. */
  readonly onError: (error: unknown) => string
  /** Runs once, however the stream ends; resolves when nothing is computed any more. */
  readonly onEnd: () => Promise<void>
  readonly clock: Pick<Clock, 'after'>
  /** The reader has taken nothing for `apiLimits.stallMs`: the stream has ended, and its connection may be closed. */
  readonly onStall: () => void
}

const encoder = new TextEncoder()

/**
 * Answers with texts as they come, pulled one by one, so that a slow reader slows the generation and a reader that leaves
 * ends it (`onEnd`). A reader that takes nothing for too long counts as one that left. While nothing comes, the stream says
 * so: proxies and clients give silent connections up.
 */
export function eventStream(texts: AsyncIterator<string>, options: EventStreamOptions): Response {
  const { clock } = options
  let ended = false
  let late = options.late
  let stall: Timer | null = null
  /** Asked for and not come yet: a pull may end before it does. */
  let next: Promise<IteratorResult<string>> | null = null
  const end = async (): Promise<void> => {
    stall?.cancel()
    if (ended) return
    ended = true
    await options.onEnd()
  }
  const nextText = async (): Promise<IteratorResult<string> | 'late'> => {
    if (late) {
      late = false
      return 'late'
    }
    next ??= texts.next()
    const outcome = await orLate(next, clock, apiLimits.keepAliveMs)
    if (outcome !== 'late') next = null
    return outcome
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        stall?.cancel()
        const send = (text: string): void => {
          controller.enqueue(encoder.encode(text))
          stall = clock.after(apiLimits.stallMs, () => {
            controller.error(new Error(`the reader took nothing for ${apiLimits.stallMs / 1000} s`))
            end().catch(options.onError)
            options.onStall()
          })
        }
        try {
          for (;;) {
            const outcome = await nextText()
            if (ended) return
            if (outcome === 'late') return send(options.keepAlive())
            if (outcome.done === true) break
            if (outcome.value !== '') return send(outcome.value)
          }
        } catch (error) {
          if (ended) return
          controller.enqueue(encoder.encode(options.onError(error)))
        }
        await end()
        controller.close()
      },
      cancel: end,
    },
    // Nothing is computed ahead of the reader.
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: { 'cache-control': 'no-cache', 'x-accel-buffering': 'no', ...options.headers },
  })
}

/** Settles as the promise does, or after a time as `late`; the promise goes on. */
export function orLate<Value>(
  promise: Promise<Value>,
  clock: Pick<Clock, 'after'>,
  delayMs: number,
): Promise<Value | 'late'> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(delayMs, () => resolve('late'))
    const settle = (): void => timer.cancel()
    promise.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error)
      },
    )
  })
}
