import { dataDirectory, physicalCores, systemClock, systemRandom } from '@shoal/host/node'
import { ShoalError, silentLogger, timeLimit, type Logger } from '@shoal/host'
import { connectClient, openLocalEngine } from '@shoal/swarm/node'
import type { Progress } from '@shoal/swarm'
import { createSwarmClient, type SwarmClient } from './swarm-client.ts'

export interface ConnectOptions {
  /** A local copy of the swarm's model: `demo` or a folder. When absent, it is learned and fetched from the swarm. */
  readonly model?: string
  /** Multiaddrs of members; with `model` or `manifest`, of any Shoal peers, which help to find the swarm. Required unless `local`. */
  readonly join?: readonly string[]
  /** Join only the swarm of this manifest. */
  readonly manifest?: string
  /** REF of a small model with the same tokenizer, which proposes tokens for the swarm to check; `none`: nothing is drafted. The answers are the same. */
  readonly draft?: string
  /** A hot spare for every answer: other peers compute the same rows, so that the loss of a peer costs a step at most. */
  readonly spare?: boolean
  /**
   * `thin`: a peer computes embedding and head too, so that nothing is fetched or computed here. That peer sees the text.
   * `private`, the default: this process does, and peers see hidden states only.
   */
  readonly placement?: 'private' | 'thin'
  /**
   * How hidden states travel: `f16` takes half of the bytes and `int8` a quarter, and both change the answer a little; no
   * audit covers it. `f32`, the default, changes nothing.
   */
  readonly wire?: 'f32' | 'f16' | 'int8'
  /** Compute in this process, without a network; needs `model`. */
  readonly local?: boolean
  /** `f32`, `int8[:BLOCK]`, `int4[:BLOCK]`: refused when the swarm has another. */
  readonly weights?: string
  /** Packed embedding and head are kept here; the platform's standard place, or SHOAL_DATA, when absent. */
  readonly dataFolder?: string
  readonly threads?: number
  /** How long an answer waits for another peer to take over blocks that have lost their last holder; default 30,000. */
  readonly replacementWaitMs?: number
  /** Nothing is logged when absent. */
  readonly logger?: Logger
  readonly onProgress?: (progress: Progress) => void
  readonly signal?: AbortSignal
}

/** How long `connect` waits for live peers that hold every block. */
const coveredTimeoutMs = 60_000

/**
 * Becomes a client of a swarm.
 * @throws {ShoalError} `peer-vanished` when no address answers, `wrong-manifest`, `wrong-profile` or `wrong-version` naming both sides, `no-route` when blocks stay uncovered
 */
export async function connect(options: ConnectOptions): Promise<SwarmClient> {
  return options.local === true ? openLocally(options) : joinSwarm(options)
}

const dependenciesOf = ({ logger = silentLogger }: ConnectOptions) => ({
  clock: systemClock,
  random: systemRandom,
  logger,
})

const commonOf = ({ dataFolder, threads, weights, onProgress, signal }: ConnectOptions) => ({
  dataFolder: dataDirectory(dataFolder),
  threads: threads ?? Math.max(1, physicalCores() - 1),
  weights,
  onProgress,
  signal,
})

async function openLocally(options: ConnectOptions): Promise<SwarmClient> {
  if (options.join !== undefined && options.join.length > 0)
    throw new ShoalError(
      'bad-request',
      '`local` computes without a swarm and `join` asks one: choose one of them',
    )
  if (options.placement === 'thin')
    throw new ShoalError('bad-request', '`placement: "thin"` needs peers, and `local` has none')
  if (options.model === undefined)
    throw new ShoalError(
      'bad-request',
      '`local: true` computes in this process and needs a model: give `model`, `demo` or a folder',
    )
  const engine = await openLocalEngine(dependenciesOf(options), {
    ...commonOf(options),
    model: options.model,
  })
  return createSwarmClient({
    engine,
    random: systemRandom,
    defaults: engine.defaultSampling,
    status: () => {
      throw new ShoalError(
        'bad-request',
        '`status()` describes a swarm, and this client computes locally: connect with `join`',
      )
    },
    close: () => engine.close(),
  })
}

async function joinSwarm(options: ConnectOptions): Promise<SwarmClient> {
  if (options.join === undefined || options.join.length === 0)
    throw new ShoalError(
      'bad-request',
      'give `join`, the address of any member (a node prints its own), or `local: true`',
    )
  const peer = await connectClient(dependenciesOf(options), {
    ...commonOf(options),
    model: options.model,
    manifestId: options.manifest,
    join: options.join,
    draft: options.draft,
    spare: options.spare,
    placement: options.placement,
    wire: options.wire,
    replacementWaitMs: options.replacementWaitMs,
  })
  try {
    const limit = timeLimit(
      systemClock,
      coveredTimeoutMs,
      () =>
        new ShoalError(
          'no-route',
          `no live peer held some blocks of the model for ${coveredTimeoutMs / 1000} s: start another node with "shoal up --join", or try again later`,
        ),
      options.signal,
    )
    await peer.whenCovered(limit.signal).finally(() => limit.clear())
    const engine = await peer.engine()
    return createSwarmClient({
      engine,
      random: systemRandom,
      defaults: engine.defaultSampling,
      status: () => peer.status(),
      close: () => peer.close(),
    })
  } catch (error) {
    await peer.close()
    throw error
  }
}
