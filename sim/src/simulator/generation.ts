import { messageOf, ShoalError, type Clock } from '@shoal/host'
import type { Engine, GenerateRequest } from '@shoal/swarm'

/** One answer that a client waits for. */
export interface Generation {
  readonly client: string
  /** A typed error is as good as the whole answer. */
  readonly mayFail: boolean
  readonly startMs: number
  /** What one process alone answers. */
  readonly expected: readonly number[]
  readonly tokens: readonly number[]
  readonly tokenMs: readonly number[]
  readonly failovers: number
  /** Stages that handed their caches over and left. */
  readonly moves: number
  /** Abandoned: its client is dead, or has gone away. */
  readonly state: 'running' | 'done' | 'failed' | 'abandoned'
  readonly error: { readonly code: string; readonly message: string } | null
  readonly ended: Promise<void>
  abandon(): void
}

/** @param onToken its index and id; null when it has ended */
export function startGeneration(
  context: {
    readonly clock: Clock
    readonly engine: Engine
    readonly client: string
    readonly mayFail: boolean
  },
  request: GenerateRequest,
  expected: readonly number[],
  onToken: (generation: Generation, token: { readonly index: number; readonly id: number } | null) => void,
): Generation {
  const { clock, engine, client, mayFail } = context
  const tokens: number[] = []
  const tokenMs: number[] = []
  const leaving = new AbortController()
  let state: Generation['state'] = 'running'
  let error: Generation['error'] = null
  let failovers = 0
  let moves = 0

  const run = async (): Promise<void> => {
    try {
      for await (const event of engine.generate({ ...request, signal: leaving.signal })) {
        if (event.type === 'token') {
          tokens.push(event.tokenId)
          tokenMs.push(clock.nowMs())
          onToken(generation, { index: tokens.length - 1, id: event.tokenId })
        } else {
          failovers = event.result.failovers
          moves = event.result.moves
        }
      }
      if (state === 'running') state = 'done'
    } catch (thrown) {
      if (state !== 'running') return
      state = 'failed'
      error = { code: thrown instanceof ShoalError ? thrown.code : 'none', message: messageOf(thrown) }
    } finally {
      onToken(generation, null)
    }
  }

  const generation: Generation = {
    client,
    mayFail,
    startMs: clock.nowMs(),
    expected,
    tokens,
    tokenMs,
    get failovers() {
      return failovers
    },
    get moves() {
      return moves
    },
    get state() {
      return state
    },
    get error() {
      return error
    },
    // The first turn of `run` needs the generation.
    ended: Promise.resolve().then(run),
    abandon() {
      if (state !== 'running') return
      state = 'abandoned'
      leaving.abort(new ShoalError('cancelled', 'the client has gone away'))
    },
  }
  return generation
}
