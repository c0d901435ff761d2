import type { BlockRunner } from '@shoal/runtime'
import type { StageOffer } from './opening/admission.ts'

/** The spans that a node serves, and which of them it is about to give up. */
export class ServedSpans {
  readonly #manifest: Pick<StageOffer, 'manifestId' | 'profile'>
  readonly #leaving = new Set<BlockRunner>()
  #runners: readonly BlockRunner[] = []
  #draining = false
  #closed = false

  constructor({ manifestId, profile }: Pick<StageOffer, 'manifestId' | 'profile'>) {
    this.#manifest = { manifestId, profile }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** What a new session is offered. */
  get offer(): Omit<StageOffer, 'sessions' | 'sessionsOfPeer' | 'sessionsOfStrangers' | 'standing'> {
    return {
      ...this.#manifest,
      runners: this.#runners.filter((runner) => !this.#leaving.has(runner)),
      draining: this.#draining || this.#closed,
    }
  }

  serves(runner: BlockRunner): boolean {
    return this.#runners.includes(runner)
  }

  /** Whether the node leaves, or gives this span up. */
  isLeaving(runner: BlockRunner): boolean {
    return this.#draining || this.#leaving.has(runner)
  }

  setRunners(runners: readonly BlockRunner[]): void {
    this.#runners = [...runners]
    for (const runner of this.#leaving) if (!this.serves(runner)) this.#leaving.delete(runner)
  }

  setDraining(draining: boolean): void {
    this.#draining = draining
  }

  /** @returns whether the span has begun to leave by this call */
  setLeaving(runner: BlockRunner, leaving: boolean): boolean {
    if (!leaving) {
      this.#leaving.delete(runner)
      return false
    }
    const begun = !this.#leaving.has(runner)
    this.#leaving.add(runner)
    return begun
  }

  /** New sessions are refused from now on. */
  close(): void {
    this.#closed = true
  }
}
