import { createParser } from 'eventsource-parser'
import { pageLimits } from '../limits.ts'
import type { PageClock } from '../page-clock.ts'
import { askApi, readText, RefusedRequest } from './api.ts'

/** One server-sent event. */
export interface ServerEvent {
  /** `message` where the server names none. */
  readonly name: string
  readonly data: string
}

export type Connection =
  | { readonly state: 'connecting' | 'live' | 'key-needed' }
  | { readonly state: 'lost'; readonly reason: string }

/**
 * Follows `GET /swarm/events` for as long as the page lives, and opens it again when it ends. `EventSource` would do that
 * by itself, but sends no API key.
 */
export async function watchSwarm(
  clock: PageClock,
  onEvent: (event: ServerEvent) => void,
  onConnection: (connection: Connection) => void,
): Promise<never> {
  for (;;) {
    try {
      await follow(clock, onEvent, () => onConnection({ state: 'live' }))
      onConnection({ state: 'lost', reason: 'the node has ended the stream' })
    } catch (error) {
      onConnection(
        error instanceof RefusedRequest && error.status === 401
          ? { state: 'key-needed' }
          : {
              state: 'lost',
              reason: error instanceof RefusedRequest ? error.message : 'the node does not answer',
            },
      )
    }
    await new Promise<void>((resolve) => clock.after(pageLimits.reconnectMs, resolve))
  }
}

async function follow(
  clock: PageClock,
  onEvent: (event: ServerEvent) => void,
  onOpen: () => void,
): Promise<void> {
  const abort = new AbortController()
  const limit = (): { cancel(): void } => clock.after(pageLimits.streamSilenceMs, () => abort.abort())
  let silence = limit()
  try {
    const { body } = await askApi('/swarm/events', { signal: abort.signal })
    const parser = createParser({
      onEvent: ({ event = 'message', data }) => onEvent({ name: event, data }),
    })
    onOpen()
    await readText(body!, (text) => {
      silence.cancel()
      silence = limit()
      parser.feed(text)
    })
  } finally {
    silence.cancel()
  }
}
