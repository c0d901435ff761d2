import type { NextHop } from '@shoal/protocol'

/** What a stage knows of one version of a session's route. */
export interface RouteNeighbours {
  readonly epoch: number
  /** The peer that sends this stage its steps. */
  readonly previous: string
  readonly next: NextHop
}

/** The version of the route that a session at a stage follows, until another one replaces it. */
export class RouteVersion {
  readonly epoch: number
  readonly previous: string
  readonly next: NextHop
  /** Whether the version came with a repair or a move, and not with the session. */
  readonly repaired: boolean
  readonly #replayed = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  #held: boolean
  #ended = false

  /** @param repaired whether steps wait for a `replay`, which says which rows this stage and the next one keep */
  constructor({ epoch, previous, next }: RouteNeighbours, repaired: boolean) {
    this.epoch = epoch
    this.previous = previous
    this.next = next
    this.repaired = repaired
    this.#held = repaired
  }

  /** Whether steps of this version wait for its `replay`. */
  get held(): boolean {
    return this.#held
  }

  /** Resolves when no step waits for the replay any longer, also because the version has ended. */
  get replayed(): Promise<void> {
    return this.#replayed.promise
  }

  /** Whether the session follows another version, or is closed. */
  get ended(): boolean {
    return this.#ended
  }

  /** Resolves when the version has ended: a push along it is not worth waiting for. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Lets the steps that wait for the replay go on. */
  release(): void {
    this.#held = false
    this.#replayed.resolve()
  }

  /** Steps that wait for the replay go on, to be refused or dropped. */
  end(): void {
    this.#ended = true
    this.#over.resolve()
    this.release()
  }
}
