import { messageOf, ShoalError, type Clock } from '@shoal/host'
import type { Engine, GenerateRequest } from '@shoal/swarm'

/** One answer that a client waits for. */
export interface Generation {
  readonly client: string
  /** The client accepts a typed error in place of the answer. */
  readonly mayFail: boolean
  readonly startMs: number
  /** Tokens that one process alone answers. */
  readonly expected: readonly number[]
  readonly tokens: readonly number[]
  readonly tokenMs: readonly number[]
  readonly failovers: number
  /** Stages that handed their KV caches over and left. */
  readonly moves: number
  /** Tokens of the prompt that stages had from an earlier answer; 0 until the answer has ended. */
  readonly reused: number
  /** Tokens that were drafted, and those of them that were drawn; 0 until the answer has ended. */
  readonly drafted: number
  readonly accepted: number
  /** `abandoned` when the client has died or gone away. */
  readonly state: 'running' | 'done' | 'failed' | 'abandoned'
  readonly error: { readonly code: string; readonly message: string } | null
  readonly ended: Promise<void>
  abandon(): void
}

type OnToken = (generation: Generation, token: { readonly index: number; readonly id: number } | null) => void

/** A generation whose fields its own loop writes. */
interface Running extends Generation {
  tokens: number[]
  tokenMs: number[]
  failovers: number
  moves: number
  reused: number
  drafted: number
  accepted: number
  state: Generation['state']
  error: Generation['error']
}

/**
 * Asks the engine and collects what it answers.
 * @param expected tokens that one process alone answers
 * @param onToken gets each token's index and id, and null when the generation has ended
 */
export function startGeneration(
  context: {
    readonly clock: Clock
    readonly engine: Engine
    readonly client: string
    readonly mayFail: boolean
  },
  request: GenerateRequest,
  expected: readonly number[],
  onToken: OnToken,
): Generation {
  const { clock, engine, client, mayFail } = context
  const leaving = new AbortController()
  const generation: Running = {
    client,
    mayFail,
    startMs: clock.nowMs(),
    expected,
    tokens: [],
    tokenMs: [],
    failovers: 0,
    moves: 0,
    reused: 0,
    drafted: 0,
    accepted: 0,
    state: 'running',
    error: null,
    // In a later turn, since `collect` needs the finished object.
    ended: Promise.resolve().then(() =>
      collect(generation, clock, engine, { ...request, signal: leaving.signal }, onToken),
    ),
    abandon() {
      if (generation.state !== 'running') return
      generation.state = 'abandoned'
      leaving.abort(new ShoalError('cancelled', 'the client has gone away'))
    },
  }
  return generation
}

async function collect(
  generation: Running,
  clock: Clock,
  engine: Engine,
  request: GenerateRequest,
  onToken: OnToken,
): Promise<void> {
  try {
    for await (const event of engine.generate(request)) {
      if (event.type === 'token') {
        generation.tokens.push(event.tokenId)
        generation.tokenMs.push(clock.nowMs())
        onToken(generation, { index: generation.tokens.length - 1, id: event.tokenId })
      } else {
        generation.failovers = event.result.failovers
        generation.moves = event.result.moves
        generation.reused = event.result.reusedTokens
        generation.drafted = event.result.drafted
        generation.accepted = event.result.accepted
      }
    }
    if (generation.state === 'running') generation.state = 'done'
  } catch (thrown) {
    if (generation.state !== 'running') return
    generation.state = 'failed'
    generation.error = {
      code: thrown instanceof ShoalError ? thrown.code : 'none',
      message: messageOf(thrown),
    }
  } finally {
    onToken(generation, null)
  }
}
