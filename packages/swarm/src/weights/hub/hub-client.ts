import { messageOf, ShoalError, sleep, type Clock, type Timer } from '@shoal/host'

/** Where a model hub is, and who asks. */
export interface HubSettings {
  /** `https://huggingface.co`, or a mirror. */
  readonly endpoint: string
  readonly token: string | null
}

export interface HubDependencies {
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
}

/** GET requests to a hub, repeated while that may help. The token is in no message and goes to no other host. */
export interface HubClient {
  /** @param what for people: `org/name` */
  json(path: string, what: string, signal?: AbortSignal): Promise<{ value: unknown; next: string | null }>
  /** Bytes `[offset, offset + length)` of a file of `size` bytes. */
  range(
    path: string,
    offset: number,
    length: number,
    size: number,
    what: string,
    signal?: AbortSignal,
  ): Promise<Uint8Array>
}

const hubLimits = {
  /** A busy hub recovers within a minute or not soon: waits of 0.5, 1, 2, 4 s. Bytes that arrive begin the count anew. */
  attempts: 5,
  firstWaitMs: 500,
  /** What a hub may ask us to wait (Retry-After). */
  retryAfterMsMax: 60_000,
  /** No header, or no further byte, for so long is a lost connection. */
  silenceMs: 30_000,
  /** A page of 1,000 files has 300 kB. */
  jsonBytesMax: 16 << 20,
} as const

/** May go well the next time. */
class Passing extends Error {
  readonly afterMs: number | null
  readonly code: 'not-ready' | 'peer-vanished'
  constructor(
    code: 'not-ready' | 'peer-vanished',
    message: string,
    afterMs: number | null = null,
    cause?: unknown,
  ) {
    super(message, { cause })
    this.code = code
    this.afterMs = afterMs
  }
}

/** @throws {ShoalError} `bad-request` for settings that no request can be made with; the token is not shown */
export function createHubClient(
  { clock, fetch }: HubDependencies,
  { endpoint, token }: HubSettings,
): HubClient {
  const base = baseOf(endpoint)
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new ShoalError('bad-request', 'HF_TOKEN has characters that a token cannot have')
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }

  /** One request; `read` is told of every chunk of its body. */
  const once = async (
    url: URL,
    headers: Record<string, string>,
    what: string,
    signal: AbortSignal | undefined,
    read: (response: Response, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
  ): Promise<Response> => {
    signal?.throwIfAborted()
    const ended = new AbortController()
    const onAbort = (): void => ended.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const listen = (): Timer =>
      clock.after(hubLimits.silenceMs, () =>
        ended.abort(
          new Passing('peer-vanished', `${base.host} sent nothing for ${hubLimits.silenceMs / 1000} s`),
        ),
      )
    let silence = listen()
    try {
      const response = await fetch(url, { headers: { ...authorization, ...headers }, signal: ended.signal })
      if (!response.ok) throw await refusal(response, what, token !== null, base.host)
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of response.body ?? []) {
          silence.cancel()
          silence = listen()
          yield chunk
        }
      }
      await read(response, chunks())
      return response
    } catch (error) {
      signal?.throwIfAborted()
      if (ended.signal.aborted) throw ended.signal.reason
      if (error instanceof ShoalError || error instanceof Passing) throw error
      throw new Passing('peer-vanished', `${base.host}: ${reasonOf(error)}`, null, error)
    } finally {
      silence.cancel()
      signal?.removeEventListener('abort', onAbort)
      // A body that was not read to its end must not keep the connection.
      ended.abort(new Error('the request is over'))
    }
  }

  /** @param progress says how far the work is: only attempts without progress count */
  const repeatedly = async <T>(
    what: string,
    signal: AbortSignal | undefined,
    progress: () => number,
    work: () => Promise<T>,
  ): Promise<T> => {
    let before = progress()
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Passing)) throw error
        if (progress() > before) attempt = 1
        before = progress()
        if (attempt >= hubLimits.attempts)
          throw new ShoalError(error.code, `${what}: ${error.message} (tried ${attempt} times)`, {
            cause: error,
          })
        await sleep(clock, error.afterMs ?? hubLimits.firstWaitMs * 2 ** (attempt - 1), signal)
      }
    }
  }

  return {
    json: (path, what, signal) =>
      repeatedly(
        what,
        signal,
        () => 0,
        async () => {
          const parts: Uint8Array[] = []
          let bytes = 0
          const response = await once(new URL(path, base), {}, what, signal, async (_response, chunks) => {
            for await (const chunk of chunks) {
              parts.push(chunk)
              bytes += chunk.byteLength
              if (bytes > hubLimits.jsonBytesMax)
                throw new ShoalError(
                  'limit-exceeded',
                  `${what}: ${base.host} sends a list of more than ${hubLimits.jsonBytesMax} bytes`,
                )
            }
          })
          return { value: parsed(Buffer.concat(parts), what, base.host), next: nextPage(response, base) }
        },
      ),
    range: async (path, offset, length, size, what, signal) => {
      const whole = new Uint8Array(length)
      let have = 0
      if (length > 0) {
        await repeatedly(
          what,
          signal,
          () => have,
          async () => {
            const [first, last] = [offset + have, offset + length - 1]
            await once(
              new URL(path, base),
              { range: `bytes=${first}-${last}` },
              what,
              signal,
              async (response, chunks) => {
                checkRange(response, first, last, size, what, base.host)
                for await (const chunk of chunks) {
                  if (have + chunk.byteLength > length)
                    throw new ShoalError(
                      'bad-model',
                      `${what}: ${base.host} sends more than the ${length} bytes that were asked for`,
                    )
                  whole.set(chunk, have)
                  have += chunk.byteLength
                }
              },
            )
            if (have < length)
              throw new Passing('peer-vanished', `${base.host} ended after ${have} of ${length} bytes`)
          },
        )
      }
      return whole
    },
  }
}

function baseOf(endpoint: string): URL {
  const base = URL.parse(`${endpoint.replace(/\/+$/, '')}/`)
  if (base === null || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '') {
    throw new ShoalError(
      'bad-request',
      'HF_ENDPOINT should be a URL such as https://huggingface.co, without a name or password in it',
    )
  }
  return base
}

/** What a status other than 2xx means for whoever asked. */
async function refusal(response: Response, what: string, withToken: boolean, host: string): Promise<Error> {
  await response.body?.cancel()
  const { status } = response
  if (status === 401) {
    return new ShoalError(
      'bad-request',
      withToken
        ? `${host} refuses HF_TOKEN for ${what} (401): it is wrong or has expired`
        : `${host} wants to know who asks for ${what} (401): it does not exist, or is private; set HF_TOKEN`,
    )
  }
  if (status === 403) {
    return new ShoalError(
      'bad-request',
      `${host} refuses ${what} (403): accept its licence on the model's page${withToken ? ' with the account of HF_TOKEN' : ', then set HF_TOKEN'}`,
    )
  }
  if (status === 404) return new ShoalError('not-found', `${host} has no ${what} (404)`)
  if (status === 429 || status >= 500) {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
    return new Passing(
      'not-ready',
      `${host} answers ${status}`,
      seconds >= 0 ? Math.min(hubLimits.retryAfterMsMax, seconds * 1000) : null,
    )
  }
  return new ShoalError('bad-model', `${host} answers ${status} for ${what}`)
}

/** A server that does not know ranges would send the whole file. */
function checkRange(
  response: Response,
  first: number,
  last: number,
  size: number,
  what: string,
  host: string,
): void {
  if (response.status === 200 && first === 0 && last === size - 1) return
  const found = response.headers.get('content-range')
  if (response.status === 206 && found === `bytes ${first}-${last}/${size}`) return
  throw new ShoalError(
    'bad-model',
    `${what}: ${host} was asked for bytes ${first}-${last} of ${size} and sends ${response.status === 206 ? (found ?? 'a part that it does not name') : 'the whole file; a hub must know range requests'}`,
  )
}

/** The next page of a list: `Link: <url>; rel="next"`, on the same host only, because the token goes along. */
function nextPage(response: Response, base: URL): string | null {
  const match = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')
  const url = URL.parse(match?.[1] ?? '', base)
  return match === null || url?.origin !== base.origin ? null : url.href
}

function parsed(bytes: Uint8Array, what: string, host: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch (cause) {
    throw new ShoalError('bad-model', `${what}: ${host} answers with something that is no JSON`, { cause })
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error)
}
