import type { IncomingMessage } from 'node:http'
import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '@shoal/host'
import { networkOfCaller } from '../callers.ts'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import { CallerTime } from './caller-time.ts'
import { Uploads } from './uploads.ts'

/** What one request costs, on the account of its caller's address. */
export interface RequestCosts {
  /** Its body. @throws {ApiError} 413, or 429 when all bodies together are too long */
  body(): Promise<string>
  /** Charges work that does not wait, such as a plan. */
  during<Result>(work: () => Result): Result
}

declare module 'hono' {
  interface ContextVariableMap {
    costs: RequestCosts
  }
}

/** Lets requests wait for their address's share of the node's time, and reads their bodies for those behind it. */
export function requestCosts(clock: Clock): MiddlewareHandler {
  const time = new CallerTime(clock, apiLimits.callerTime)
  const uploads = new Uploads(apiLimits.maxBodiesBytes)
  return async (context, next) => {
    const { incoming } = (context.env ?? {}) as { readonly incoming?: IncomingMessage }
    const network = incoming === undefined ? null : networkOfCaller(incoming.socket.remoteAddress)
    await time.take(network, apiLimits.requestMs)
    context.set('costs', {
      body: () => readBody(context, time, uploads, network),
      during(work) {
        const startMs = clock.nowMs()
        try {
          return work()
        } finally {
          time.spent(network, clock.nowMs() - startMs)
        }
      },
    })
    await next()
  }
}

async function readBody(
  context: Context,
  time: CallerTime,
  uploads: Uploads,
  network: string | null,
): Promise<string> {
  const { headers, body } = context.req.raw
  if (Number(headers.get('content-length') ?? 0) > apiLimits.maxBodyBytes) throw tooLarge()
  if (body === null) return ''
  const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const upload = uploads.begin(network ?? '', () => void reader.cancel().catch(() => undefined))
  const pieces: Uint8Array[] = []
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      bytes += value.byteLength
      if (bytes > apiLimits.maxBodyBytes) throw tooLarge()
      upload.add(value.byteLength)
      pieces.push(value)
      await time.take(network, (value.byteLength / mebibyte) * apiLimits.bodyMsPerMiB)
    }
  } finally {
    upload.end()
  }
  return new TextDecoder().decode(Buffer.concat(pieces))
}

const mebibyte = 1024 * 1024

const tooLarge = (): ApiError =>
  new ApiError(413, `a request may have at most ${apiLimits.maxBodyBytes} bytes`, {
    code: 'request_too_large',
  })
