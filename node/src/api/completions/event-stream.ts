import type { Clock, Timer } from '@shoal/host'
import { apiLimits } from '../limits.ts'

const encoder = new TextEncoder()

/** One message of a `text/event-stream` (HTML living standard, section 9.2). JSON holds no line breaks. */
const message = (data: string): Uint8Array => encoder.encode(`data: ${data}\n\n`)

export interface EventStreamOptions {
  /** The error object that stands in for the rest when the source fails: the status has been sent already. */
  readonly onError: (error: unknown) => object
  /** Runs once, however the stream ends. */
  readonly onEnd: () => void
  readonly clock: Pick<Clock, 'after'>
  /** The reader has taken nothing for `apiLimits.stallMs`: the stream has ended, and its connection may be closed. */
  readonly onStall: () => void
}

/**
 * Answers with server-sent events, pulled one by one, so that a slow reader slows the generation and a reader that
 * leaves ends it (the source's `return` is called). A reader that takes nothing for too long counts as one that left.
 */
export function eventStream(chunks: AsyncIterator<object>, options: EventStreamOptions): Response {
  let ended = false
  let stall: Timer | null = null
  const end = (): void => {
    stall?.cancel()
    if (!ended) options.onEnd()
    ended = true
  }
  const leave = async (): Promise<void> => {
    end()
    await chunks.return?.()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        stall?.cancel()
        try {
          const next = await chunks.next()
          if (ended) return
          if (next.done !== true) {
            controller.enqueue(message(JSON.stringify(next.value)))
            stall = options.clock.after(apiLimits.stallMs, () => {
              controller.error(new Error(`the reader took nothing for ${apiLimits.stallMs / 1000} s`))
              leave().catch((error: unknown) => options.onError(error))
              options.onStall()
            })
            return
          }
          controller.enqueue(message('[DONE]'))
        } catch (error) {
          controller.enqueue(message(JSON.stringify(options.onError(error))))
        }
        end()
        controller.close()
      },
      cancel: leave,
    },
    // Nothing is computed ahead of the reader.
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    },
  })
}
