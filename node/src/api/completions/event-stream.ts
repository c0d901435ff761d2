const encoder = new TextEncoder()

/** One message of a `text/event-stream` (HTML living standard, section 9.2). JSON holds no line breaks. */
const message = (data: string): Uint8Array => encoder.encode(`data: ${data}\n\n`)

export interface EventStreamOptions {
  /** The error object that stands in for the rest when the source fails: the status has been sent already. */
  readonly onError: (error: unknown) => object
  /** Runs once, however the stream ends. */
  readonly onEnd: () => void
}

/**
 * Answers with server-sent events, pulled one by one, so that a slow reader slows the generation and a reader that
 * leaves ends it (the source's `return` is called).
 */
export function eventStream(chunks: AsyncIterator<object>, options: EventStreamOptions): Response {
  let ended = false
  const end = (): void => {
    if (!ended) options.onEnd()
    ended = true
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await chunks.next()
          if (next.done !== true) {
            controller.enqueue(message(JSON.stringify(next.value)))
            return
          }
          controller.enqueue(message('[DONE]'))
        } catch (error) {
          controller.enqueue(message(JSON.stringify(options.onError(error))))
        }
        end()
        controller.close()
      },
      async cancel() {
        end()
        await chunks.return?.()
      },
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
