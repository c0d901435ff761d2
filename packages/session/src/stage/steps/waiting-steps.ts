import type { Step } from '@shoal/protocol'

/** Steps of one session that have not begun. A rewind discards those whose rows it forgets: nobody computes them. */
export class WaitingSteps {
  readonly #steps = new Set<Step>()

  add(frame: Step): void {
    if (frame.rewind) this.#discard(frame)
    this.#steps.add(frame)
  }

  /** The step's turn has come. @returns false when a rewind discarded it; its coordinator waits for no answer */
  begin(frame: Step): boolean {
    return this.#steps.delete(frame)
  }

  #discard({ epoch, position, step }: Step): void {
    for (const other of this.#steps)
      if (other.epoch === epoch && other.step < step && other.position >= position) this.#steps.delete(other)
  }
}
