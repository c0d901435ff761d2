import { messageOf, onAbort, ShoalError, type Clock, type Timer } from '@shoal/host'
import { refusal } from './hub-answers.ts'
import { TransientError } from './transient-error.ts'

/** No header, or no further byte, for this long counts as a lost connection. */
const silenceMs = 30_000

/** A hub, and what goes to it with each request. */
export interface HubOrigin {
  readonly base: URL
  /** In no message, and dropped by `fetch` when the hub redirects to another origin. */
  readonly token: string | null
}

export interface HubRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** What is fetched, for people. */
  readonly what: string
  readonly signal: AbortSignal | undefined
  /** Takes the answer's body; what it leaves unread is dropped with the connection. */
  read(response: Response, chunks: AsyncIterable<Uint8Array>): Promise<void>
}

/**
 * One GET request. It ends when the caller's signal aborts, or after 30 s in which nothing arrived.
 * @throws {TransientError} when the hub is busy or the connection breaks
 * @throws {ShoalError} for other refusals, and what `read` throws; the signal's reason
 */
export async function requestOnce(
  { clock, fetch }: { readonly clock: Clock; readonly fetch: typeof globalThis.fetch },
  { base, token }: HubOrigin,
  wanted: HubRequest,
): Promise<Response> {
  const { url, headers, what, signal } = wanted
  signal?.throwIfAborted()
  const ended = new AbortController()
  const stopListening = onAbort(signal, () => ended.abort(signal?.reason))
  const silent = new TransientError('peer-vanished', `${base.host} sent nothing for ${silenceMs / 1000} s`)
  const listen = (): Timer => clock.after(silenceMs, () => ended.abort(silent))
  let silence = listen()
  const chunksOf = async function* (response: Response): AsyncGenerator<Uint8Array> {
    for await (const chunk of response.body ?? []) {
      silence.cancel()
      silence = listen()
      yield chunk
    }
  }
  try {
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(url, { headers: { ...authorization, ...headers }, signal: ended.signal })
    if (!response.ok) throw await refusal(response, what, token !== null, base.host)
    await wanted.read(response, chunksOf(response))
    return response
  } catch (error) {
    signal?.throwIfAborted()
    if (ended.signal.aborted) throw ended.signal.reason
    if (error instanceof ShoalError || error instanceof TransientError) throw error
    throw new TransientError('peer-vanished', `${base.host}: ${reasonOf(error)}`, { cause: error })
  } finally {
    silence.cancel()
    stopListening()
    // A body that was not read to its end must not keep the connection.
    ended.abort(new Error('the request is over'))
  }
}

/** The message of `fetch` is always 'fetch failed'; its cause says why. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error)
}
