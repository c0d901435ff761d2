export interface RepairDependencies {
  readonly askForLives: (peer: string) => void
  readonly askForWords: (peer: string) => void
}

/** A digest of this peer and the one that a neighbour's beat carries. */
type Pair = readonly [mine: number, theirs: number]

interface Difference {
  lives: Pair | undefined
  known: Pair | undefined
  /** Beats of the neighbour in which words were unlike. */
  unlikeBeats: number
}

/** Turns after which a difference that a repair has left is repaired again. */
const turnsToForget = 10
/** Beats after which words that are still under way are asked for. */
const patientBeats = 4

/**
 * Decides when a difference of digests is repaired. Lives are urgent news, so what differs at a beat has been missed.
 * Words may ride on beats, so theirs must be unlike in the same way twice, or for several beats.
 */
export class Repairs {
  readonly #parts: RepairDependencies
  readonly #seen = new Map<string, Difference>()
  #turns = 0

  constructor(dependencies: RepairDependencies) {
    this.#parts = dependencies
  }

  /** A beat of this neighbour has come, and all that came before it was read. */
  compare(peer: string, { lives, known }: { readonly lives: Pair; readonly known: Pair }): void {
    const seen = this.#seen.get(peer) ?? { lives: undefined, known: undefined, unlikeBeats: 0 }
    this.#seen.set(peer, seen)
    if (lives[0] === lives[1]) seen.lives = undefined
    else if (!isSame(lives, seen.lives)) {
      seen.lives = lives
      this.#parts.askForLives(peer)
    }
    if (known[0] === known[1]) {
      seen.known = undefined
      seen.unlikeBeats = 0
      return
    }
    seen.unlikeBeats += 1
    const isStuck = seen.unlikeBeats === 2 && isSame(known, seen.known)
    seen.known = known
    if (isStuck || seen.unlikeBeats % patientBeats === 0) this.#parts.askForWords(peer)
  }

  /** One turn: differences that remain are asked about again now and then. */
  turn(): void {
    this.#turns += 1
    if (this.#turns % turnsToForget === 0) for (const seen of this.#seen.values()) seen.lives = undefined
  }

  forget(peer: string): void {
    this.#seen.delete(peer)
  }
}

function isSame(a: Pair, b: Pair | undefined): boolean {
  return b !== undefined && a[0] === b[0] && a[1] === b[1]
}
