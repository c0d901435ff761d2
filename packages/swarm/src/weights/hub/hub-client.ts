import { ShoalError, type Clock, type Logger } from '@shoal/host'
import { checkRange, nextPage, parseJson } from './hub-answers.ts'
import { requestOnce, type HubOrigin, type HubRequest } from './hub-request.ts'
import { retrying } from './retry.ts'
import { TransientError } from './transient-error.ts'

/** Address of a model hub, and the account to use. */
export interface HubSettings {
  /** `https://huggingface.co`, or a mirror. */
  readonly endpoint: string
  readonly token: string | null
}

export interface HubDependencies {
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
  /** Told of every wait before another attempt (`hub-retry`). */
  readonly logger: Logger
}

/** A page of a hub's API. */
export interface HubPage {
  readonly value: unknown
  /** Address of the next page of a list; null after the last. */
  readonly next: string | null
}

/**
 * GET requests to a hub, repeated while that may help. `what` names the model or file for people: `org/name`. The token is
 * in no message and goes to no other host.
 */
export interface HubClient {
  /** @throws {ShoalError} `not-ready`, `peer-vanished` with the ways out; `bad-request`, `not-found`, `bad-model`, `limit-exceeded` */
  json(path: string, what: string, signal?: AbortSignal): Promise<HubPage>
  /** Bytes `[offset, offset + length)` of a file of `size` bytes. @throws {ShoalError} as `json` */
  range(
    path: string,
    offset: number,
    length: number,
    size: number,
    what: string,
    signal?: AbortSignal,
  ): Promise<Uint8Array>
}

/** Longest answer of the API: a page of 1,000 files has 300 kB. */
const jsonBytesMax = 16 << 20

/** @throws {ShoalError} `bad-request` for settings that no request can be made with; the token is not shown */
export function createHubClient(dependencies: HubDependencies, settings: HubSettings): HubClient {
  const origin = originOf(settings)
  const { base } = origin
  const request = (wanted: HubRequest): Promise<Response> => requestOnce(dependencies, origin, wanted)
  const repeatedly = <Value>(
    what: string,
    signal: AbortSignal | undefined,
    progress: () => number,
    work: () => Promise<Value>,
  ): Promise<Value> =>
    retrying(dependencies, { what, withToken: origin.token !== null, signal, progress }, work)

  return {
    json(path, what, signal) {
      const fetchPage = async (): Promise<HubPage> => {
        let bytes = new Uint8Array(0)
        const response = await request({
          url: new URL(path, base),
          headers: {},
          what,
          signal,
          read: async (_response, chunks) => {
            bytes = await wholeOf(chunks, what, base.host)
          },
        })
        return { value: parseJson(bytes, what, base.host), next: nextPage(response, base) }
      }
      // A page is fetched whole or not at all.
      return repeatedly(what, signal, () => 0, fetchPage)
    },
    async range(path, offset, length, size, what, signal) {
      const whole = new Uint8Array(length)
      let have = 0
      /** Goes on after the bytes that earlier attempts brought. */
      const fetchRest = async (): Promise<void> => {
        const [first, last] = [offset + have, offset + length - 1]
        await request({
          url: new URL(path, base),
          headers: { range: `bytes=${first}-${last}` },
          what,
          signal,
          async read(response, chunks) {
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
        })
        if (have < length)
          throw new TransientError('peer-vanished', `${base.host} ended after ${have} of ${length} bytes`)
      }
      if (length > 0) await repeatedly(what, signal, () => have, fetchRest)
      return whole
    },
  }
}

function originOf({ endpoint, token }: HubSettings): HubOrigin {
  const base = URL.parse(`${endpoint.replace(/\/+$/, '')}/`)
  if (base === null || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '') {
    throw new ShoalError(
      'bad-request',
      'HF_ENDPOINT should be a URL such as https://huggingface.co, without a user name or password in it',
    )
  }
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new ShoalError('bad-request', 'HF_TOKEN has characters that a token cannot have')
  return { base, token }
}

/** @throws {ShoalError} `limit-exceeded` */
async function wholeOf(
  chunks: AsyncIterable<Uint8Array>,
  what: string,
  host: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    bytes += chunk.byteLength
    if (bytes > jsonBytesMax)
      throw new ShoalError(
        'limit-exceeded',
        `${what}: ${host} sends a list of more than ${jsonBytesMax} bytes`,
      )
  }
  return new Uint8Array(Buffer.concat(parts))
}
