import { ModelError } from '../error.ts'
import { Budget } from './budget.ts'
import { filters } from './library/filters.ts'
import { createGlobals } from './library/globals.ts'
import { tests } from './library/tests.ts'
import { Scope } from './run/scope.ts'
import { textOfBody } from './run/runtime.ts'
import { runBody } from './run/statements.ts'
import { parseTemplate } from './syntax/statements.ts'
import { valueOfJson } from './values/iterate.ts'

/** A template of the Jinja2 language, parsed. */
export interface Template {
  /**
   * @param variables values of JSON
   * @param wallMs the time that `strftime_now` gives; without it the function does not exist
   * @throws {TemplateFailure} where Jinja2 raises; {ModelError} `limit-exceeded`
   */
  render(variables: Readonly<Record<string, unknown>>, wallMs?: () => number): string
}

/**
 * Reads a template as Jinja2 does when Hugging Face transformers sets it up: trim_blocks, lstrip_blocks, loop controls, `do`,
 * `generation` blocks, and values that templates cannot change.
 *
 * @throws {TemplateFailure} for a template that does not parse
 */
export function createTemplate(source: string): Template {
  // As in Jinja2, every line end becomes a line feed, and the last one is dropped. A byte order mark is not part of the
  // text.
  const text = source.replace(/^\u{FEFF}/u, '').replaceAll(/\r\n?/g, '\n')
  const body = parseTemplate(text.endsWith('\n') ? text.slice(0, -1) : text)
  return {
    render(variables, wallMs) {
      const budget = new Budget()
      const values = Object.entries(variables)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, valueOfJson(value)] as const)
      const globals = new Scope(null, [...createGlobals(budget, wallMs), ...values])
      return withinStack(() => textOfBody(body, new Scope(globals), { budget, filters, tests, runBody }))
    },
  }
}

/**
 * Turns a stack overflow into a failure of the template: deeply nested lists overflow the stack when they become text.
 */
function withinStack<Result>(run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ModelError(
      'limit-exceeded',
      "the model's chat template nests its values too deeply for this chat",
      { cause: error },
    )
  }
}
