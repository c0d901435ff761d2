import type { Budget } from '../budget.ts'
import type { Body } from '../syntax/nodes.ts'
import type { Call, Value } from '../values/values.ts'
import { Output } from './output.ts'
import type { Scope } from './scope.ts'

export type Filter = (input: Value, call: Call, runtime: Runtime) => Value
export type Test = (input: Value, call: Call, runtime: Runtime) => boolean

/** How a body ended: at its last statement, at a `break`, or at a `continue`. */
export type Ending = 'end' | 'break' | 'continue'

/** What expressions and statements need beside their variables. */
export interface Runtime {
  readonly budget: Budget
  readonly filters: ReadonlyMap<string, Filter>
  readonly tests: ReadonlyMap<string, Test>
  /** Runs statements; loops and macros, which are statements themselves, run their bodies with it. */
  runBody(body: Body, scope: Scope, output: Output, runtime: Runtime): Ending
}

/** The text that a body makes. */
export function textOfBody(body: Body, scope: Scope, runtime: Runtime): string {
  const output = new Output(runtime.budget)
  runtime.runBody(body, scope, output, runtime)
  return output.text
}
