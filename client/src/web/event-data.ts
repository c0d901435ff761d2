/**
 * The data of server-sent events (HTML living standard, section 9.2), as the API sends them: one line of JSON each.
 * Comments, which keep proxies from closing a silent connection, are left out.
 */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (!line.startsWith('data:')) continue
        const data = line.slice('data:'.length).trim()
        if (data === '[DONE]') return
        yield data
      }
    }
  } finally {
    // Closes the connection when the answer is given up, which ends the generation on every peer.
    await reader.cancel().catch(() => undefined)
  }
}
