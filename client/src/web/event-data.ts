import { createParser } from 'eventsource-parser'

/** The data of the API's server-sent events: one JSON text each. */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const complete: string[] = []
  const parser = createParser({ onEvent: ({ data }) => void complete.push(data) })
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      for (const data of complete.splice(0)) {
        if (data === '[DONE]') return
        yield data
      }
    }
  } finally {
    // Closes the connection when the answer is given up, which ends the generation on every peer.
    await reader.cancel().catch(() => undefined)
  }
}
