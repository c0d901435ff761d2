import { ModelError } from '../error.ts'
import { limits } from '../limits.ts'

/** A list entry is an object of some 50 bytes; a character takes one byte or two. */
const entryCharacters = 16

/**
 * The characters that a template may make while it renders one chat, over all its values. Code that makes texts or
 * lists charges the budget first: V8 may abort the whole process when a thread's heap is full, and a template can fill
 * the heap with one expression.
 */
export class Budget {
  #left: number = limits.templateValuesMax
  #depth = 0

  /** @throws {ModelError} `limit-exceeded` */
  characters(count: number): void {
    this.#left -= count + 1
    // A count that is NaN exceeds the budget, too.
    if (!(this.#left >= 0))
      throw new ModelError('limit-exceeded', "the model's chat template needs too much memory for this chat")
  }

  entries(count: number): void {
    this.characters(entryCharacters * count)
  }

  /** Runs code that may call itself again, such as macros and recursive loops, with a bound on the depth. */
  nested<Result>(run: () => Result): Result {
    if (++this.#depth > limits.templateCallsMax)
      throw new ModelError(
        'limit-exceeded',
        "the model's chat template calls its macros too deeply for this chat",
      )
    try {
      return run()
    } finally {
      this.#depth--
    }
  }
}
