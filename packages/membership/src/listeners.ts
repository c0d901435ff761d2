/** Functions that are told of something. */
export class Listeners<Arguments extends readonly unknown[]> {
  readonly #listeners = new Set<(...told: Arguments) => void>()

  /** @returns a function that removes the listener */
  add(listener: (...told: Arguments) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  call(...told: Arguments): void {
    for (const listener of this.#listeners) listener(...told)
  }
}
