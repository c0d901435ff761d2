import { randomHex } from '@shoal/host'
import type { ExchangeCosts } from '../collectives/cost/cost-model.ts'
import { formGroup } from '../forming/form-group.ts'
import type { Formation, GroupPeer } from '../forming/formation.ts'
import { groupClass } from '../forming/group-class.ts'
import { measureLinks } from '../forming/measure-links.ts'
import { sumTable } from '../forming/sum-table.ts'
import type { RankThread } from '../lanes/rank-thread-control.ts'
import type { GroupRunnerDependencies, GroupRunnerOptions } from './runner-types.ts'

/** A formation with the numeric class of its group. */
export interface Formed {
  readonly formation: Formation
  readonly numericClass: string
}

/** Forms the group of a runner, with whatever members it has at the time. */
export class GroupFormer {
  readonly #dependencies: GroupRunnerDependencies
  readonly #options: GroupRunnerOptions
  readonly #thread: RankThread
  readonly #hiddenSize: number
  readonly #self: GroupPeer
  #costs: ExchangeCosts

  constructor(
    dependencies: GroupRunnerDependencies,
    options: GroupRunnerOptions,
    share: { readonly thread: RankThread; readonly hiddenSize: number; readonly costs: ExchangeCosts },
  ) {
    this.#dependencies = dependencies
    this.#options = options
    this.#thread = share.thread
    this.#hiddenSize = share.hiddenSize
    this.#costs = share.costs
    const { transport } = dependencies
    this.#self = { peer: transport.peerId, addresses: transport.addresses() }
  }

  /** What messages to members cost, as last measured. */
  get costs(): ExchangeCosts {
    return this.#costs
  }

  /** Measures the links to members that may be new, where the costs were not given. @throws {RankError} */
  async measureAgain(members: readonly GroupPeer[], signal: AbortSignal): Promise<void> {
    if (this.#options.costs === undefined)
      this.#costs = await measureLinks(this.#dependencies, members, signal)
  }

  /** @throws {RankError} the rank that failed, and why */
  async form(members: readonly GroupPeer[], onBroken: () => void, signal: AbortSignal): Promise<Formed> {
    const { random } = this.#dependencies
    const { manifestId, profile, range, split, numericClass } = this.#options
    const formation = await formGroup(
      this.#dependencies,
      {
        group: randomHex(random, 16),
        manifestId,
        profile,
        hiddenSize: this.#hiddenSize,
        range,
        split,
        sums: sumTable(members.length + 1, this.#hiddenSize, this.#costs),
        peers: [this.#self, ...members],
        thread: this.#thread,
        onBroken,
      },
      signal,
    )
    return { formation, numericClass: groupClass([numericClass, ...formation.classes], split) }
  }
}
