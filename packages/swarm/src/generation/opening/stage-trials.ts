import { timeLimit, randomHex, ShoalError, type Clock, type Random } from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { Coordinator, RouteStage, Route } from '@shoal/session'
import { swarmLimits } from '../../limits.ts'

export interface StageTrialsDependencies {
  readonly manifest: IdentifiedManifest
  readonly clock: Clock
  readonly random: Random
  /** A trial has failed: what the peer refused or did not answer. */
  readonly failed: (error: unknown) => void
}

/**
 * Remembers which peers have computed rows for this peer, and makes trials of those that have not. A record may claim
 * any blocks at any speed, and a peer that computes nothing would hold up the answer that finds it out. So answers go
 * through peers that have served before, as long as these have the blocks, and a newcomer that would be better first
 * computes one row of a session of its own.
 */
export class StageTrials {
  readonly #dependencies: StageTrialsDependencies
  readonly #coordinator: Pick<Coordinator, 'open'>
  /** The peer that has served longest ago comes first. */
  readonly #served = new Set<string>()
  readonly #underWay = new Set<string>()

  constructor(dependencies: StageTrialsDependencies, coordinator: Pick<Coordinator, 'open'>) {
    this.#dependencies = dependencies
    this.#coordinator = coordinator
  }

  hasServed(peer: string): boolean {
    return this.#served.has(peer)
  }

  /** Notes that a step was answered along this route. */
  served(route: Route): void {
    for (const { peer } of route) {
      this.#served.delete(peer)
      this.#served.add(peer)
    }
    for (const peer of this.#served) {
      if (this.#served.size <= swarmLimits.servedPeers) return
      this.#served.delete(peer)
    }
  }

  /** Has a stage compute a row in the background, unless enough trials are under way. */
  begin(stage: RouteStage): void {
    const { peer } = stage
    if (this.#underWay.has(peer) || this.#underWay.size >= swarmLimits.trialsAtOnce) return
    this.#underWay.add(peer)
    this.#tryOut(stage)
      .catch((error: unknown) => this.#dependencies.failed(error))
      .finally(() => this.#underWay.delete(peer))
  }

  async #tryOut(stage: RouteStage): Promise<void> {
    const { manifest, clock, random } = this.#dependencies
    const { config, profile } = manifest.manifest
    const late = (): ShoalError => new ShoalError('deadline-passed', 'the trial of a stage took too long')
    const limit = timeLimit(clock, swarmLimits.trialTimeoutMs, late)
    try {
      const session = await this.#coordinator.open({
        session: randomHex(random, 16),
        manifestId: manifest.id,
        profile: formatProfile(profile),
        hiddenSize: config.hiddenSize,
        range: stage.range,
        route: [stage],
        tokenBudget: 1,
        isTrial: true,
        signal: limit.signal,
        onServed: (route) => this.served(route),
      })
      try {
        await session.forward(new Float32Array(config.hiddenSize), { want: 'last', signal: limit.signal })
      } finally {
        await session.close()
      }
    } finally {
      limit.clear()
    }
  }
}
