import { ModelError } from '../error.ts'
import { limits } from '../limits.ts'

/** A list entry is an object of some 50 bytes; a character takes one byte or two. */
const entryCharacters = 16

/**
 * What a template may make while it renders one chat, all values together, in characters. Whatever makes text or lists asks
 * before it makes them: V8 may abort the whole process when a thread's heap is full, and a template can fill it with one
 * expression.
 */
export class Budget {
  #left: number = limits.templateValuesMax
  #depth = 0

  /** @throws {ModelError} `limit-exceeded` */
  characters(count: number): void {
    this.#left -= count + 1
    // A count that is not a number is beyond every bound, too.
    if (!(this.#left >= 0))
      throw new ModelError('limit-exceeded', "the model's chat template needs too much memory for this chat")
  }

  entries(count: number): void {
    this.characters(entryCharacters * count)
  }

  /** Runs what may run itself again: macros, recursive loops. */
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
