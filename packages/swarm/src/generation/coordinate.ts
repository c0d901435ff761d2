import { randomHex, sleep, type Clock, type Logger, type Random } from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { createCoordinator, StageError, type Coordinator, type HiddenSession } from '@shoal/session'
import { createDistrust } from '../trust/distrust.ts'
import type { SwarmView } from '../view/swarm-view.ts'
import { createEngine } from './engine.ts'
import { swarmLimits } from '../limits.ts'
import { timeOwnWork } from './own-work.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Engine } from '../types.ts'
import type { SamplingOptions, Tokenizer } from '@shoal/model'

export interface CoordinateDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly routes: Pick<SwarmView, 'find' | 'predictTokenMs'>
  readonly device: Device
  readonly tokenizer: Tokenizer | null
  readonly defaultSampling: SamplingOptions
  /** How long an answer waits for somebody to take over blocks that nobody holds any more; the session's default when absent. */
  readonly replacementWaitMs?: number | undefined
}

/**
 * Routes tried for one session before its refusals are reported, and for each stage: each route leaves one more peer out,
 * and in a busy swarm any of a dozen stages may be full while others have room.
 */
const routesTried = 3
const routesTriedPerStage = 2

/** An engine over a swarm: embedding and head here, blocks along routes of peers. Needs units `embed` and `head`. */
export function coordinate(dependencies: CoordinateDependencies): Promise<Engine> {
  return inScope((scope) => open(dependencies, scope))
}

async function open(dependencies: CoordinateDependencies, scope: Scope): Promise<Engine> {
  const { manifest, device } = dependencies
  const { config } = manifest.manifest
  const embedding = await device.loadEmbedding()
  scope.onClose(() => embedding.release())
  const head = await device.loadHead()
  scope.onClose(() => head.release())
  const ownMs = await timeOwnWork(dependencies.clock, embedding, head)
  const { replacementWaitMs } = dependencies
  const coordinator = createCoordinator(
    dependencies,
    replacementWaitMs === undefined ? {} : { times: { replacementWaitMs } },
  )
  scope.onClose(() => coordinator.close())
  const openSession = sessionOpener(dependencies, coordinator)

  return createEngine({
    ...dependencies,
    embedding,
    head,
    openSession: (tokenBudget, signal) => openSession(config.blockCount, tokenBudget, signal),
    openPartialSession: openSession,
    predictTokenMs(route, past) {
      const routeMs = dependencies.routes.predictTokenMs(route, past)
      return routeMs === null ? null : routeMs + ownMs
    },
    close: () => scope.close(),
  })
}

type SessionOpener = (
  end: number,
  tokenBudget: number,
  signal: AbortSignal | undefined,
) => Promise<HiddenSession>

/** Opens sessions over the best route, and over others when a stage refuses. */
function sessionOpener(
  dependencies: Pick<CoordinateDependencies, 'manifest' | 'routes' | 'clock' | 'random' | 'logger'>,
  coordinator: Pick<Coordinator, 'open'>,
): SessionOpener {
  const { manifest, routes, clock, random, logger } = dependencies
  const { config, profile } = manifest.manifest
  const distrust = createDistrust(clock)
  /** Those that spoilt rows are asked when nobody else has the blocks. */
  const find: SwarmView['find'] = async (range, exclude, ...rest) => {
    const distrusted = distrust.peers()
    if (distrusted.size === 0) return routes.find(range, exclude, ...rest)
    return routes
      .find(range, new Set([...exclude, ...distrusted]), ...rest)
      .catch(() => routes.find(range, exclude, ...rest))
  }

  return async (end, tokenBudget, signal) => {
    const range = { start: 0, end }
    const exclude = new Set<string>()
    const untilMs = clock.nowMs() + swarmLimits.openingTimeoutMs
    let route = await find(range, exclude, tokenBudget)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await coordinator.open({
          session: randomHex(random, 16),
          manifestId: manifest.id,
          profile: formatProfile(profile),
          hiddenSize: config.hiddenSize,
          route,
          routes: { find: (lost, without, wish) => find(lost, without, tokenBudget, wish) },
          onStageLost(error) {
            if (error.code === 'bad-frame') distrust.spoilt(error.peer)
          },
          range,
          tokenBudget,
          ...(signal === undefined ? {} : { signal }),
        })
      } catch (error) {
        const peer = refusingPeer(error)
        const lost = peer !== null && isLoss(error) && clock.nowMs() < untilMs
        if (peer === null || (attempt >= Math.max(routesTried, route.length * routesTriedPerStage) && !lost))
          throw error
        logger.info('route-refused', { peer, attempt })
        if (error instanceof StageError && error.code === 'bad-frame') distrust.spoilt(peer)
        exclude.add(peer)
        const other = await find(range, exclude, tokenBudget).catch(() => null)
        if (other !== null) route = other
        // No other route, and no room: what the peer said is the better answer.
        else if (!lost) throw error
        else {
          // Whoever is between two lives serves again in a moment, as does whoever takes over what was lost.
          await sleep(clock, swarmLimits.openingRetryMs, signal)
          exclude.clear()
          route = await find(range, exclude, tokenBudget).catch(() => route)
        }
      }
    }
  }
}

/** It is not there now; that may change soon. */
function isLoss(error: unknown): boolean {
  return (
    error instanceof StageError &&
    ['not-ready', 'peer-vanished', 'deadline-passed', 'bad-frame'].includes(error.code)
  )
}

/** The peer to avoid when a stage has no room, is not ready or cannot be reached; null when another one would not help. */
function refusingPeer(error: unknown): string | null {
  if (!(error instanceof StageError)) return null
  const movable = [
    'no-capacity',
    'not-ready',
    'peer-vanished',
    'deadline-passed',
    'wrong-range',
    'limit-exceeded',
    'bad-frame',
  ]
  return movable.includes(error.code) ? error.peer : null
}
