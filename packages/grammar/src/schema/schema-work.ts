import { ModelError } from '@shoal/model'
import { grammarLimits } from '../limits.ts'

/**
 * What schemas may cost while they become one grammar, which happens on the event loop. References and `allOf` let a
 * schema of 2 kB ask for work without end; every step is therefore counted before it is done.
 */
export class SchemaWork {
  #left: number = grammarLimits.schemaStepsMax

  /** @param steps of about a microsecond each @throws {ModelError} `bad-request` when the schemas have used theirs up */
  spend(steps: number): void {
    this.#left -= steps
    if (this.#left < 0)
      throw new ModelError(
        'bad-request',
        `the JSON schema cannot be kept: reading it takes more than ${grammarLimits.schemaStepsMax} steps; fewer references inside of references, and fewer branches, help`,
      )
  }

  /**
   * Counts the values of a schema, before anything walks through it by recursion.
   * @throws {ModelError} `bad-request` for one that is nested too deep, or too large
   */
  measure(schema: unknown): void {
    const waiting: { value: unknown; depth: number }[] = [{ value: schema, depth: 1 }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { value, depth } = next
      if (typeof value !== 'object' || value === null) continue
      if (depth > grammarLimits.nestingMax)
        throw new ModelError(
          'bad-request',
          `the JSON schema is nested deeper than ${grammarLimits.nestingMax} levels`,
        )
      const inner: unknown[] = Object.values(value)
      this.spend(1 + inner.length)
      for (const each of inner) waiting.push({ value: each, depth: depth + 1 })
    }
  }
}
