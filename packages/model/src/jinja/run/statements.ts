import { fail } from '../failure.ts'
import type { Body, Statement } from '../syntax/nodes.ts'
import { isTrue } from '../values/compare.ts'
import { textOf } from '../values/text.ts'
import { assign } from './assign.ts'
import { evaluate } from './expressions.ts'
import { runFor } from './loop.ts'
import { createCaller, createMacro } from './macro.ts'
import type { Output } from './output.ts'
import { textOfBody, type Ending, type Runtime } from './runtime.ts'
import { Scope } from './scope.ts'

export function runBody(body: Body, scope: Scope, output: Output, runtime: Runtime): Ending {
  for (const statement of body) {
    const ending = runStatement(statement, scope, output, runtime)
    if (ending !== 'end') return ending
  }
  return 'end'
}

function runStatement(statement: Statement, scope: Scope, output: Output, runtime: Runtime): Ending {
  const { budget } = runtime
  switch (statement.type) {
    case 'text':
      output.write(statement.text)
      return 'end'
    case 'output':
      output.write(textOf(evaluate(statement.value, scope, runtime), budget))
      return 'end'
    case 'do':
      evaluate(statement.value, scope, runtime)
      return 'end'
    case 'if': {
      const branch = statement.branches.find(([test]) => isTrue(evaluate(test, scope, runtime)))
      return runBody(branch?.[1] ?? statement.otherwise, scope, output, runtime)
    }
    case 'for':
      runFor(statement, scope, output, runtime)
      return 'end'
    case 'macro':
      scope.set(statement.name, createMacro(statement, scope, runtime))
      return 'end'
    case 'set':
      assign(statement.target, evaluate(statement.value, scope, runtime), scope)
      return 'end'
    case 'break':
    case 'continue':
      return statement.type
    case 'set-block':
    case 'call-block':
    case 'filter-block':
    case 'with':
    case 'scope':
      return runBlock(statement, scope, output, runtime)
  }
}

type Block = Extract<Statement, { type: 'set-block' | 'call-block' | 'filter-block' | 'with' | 'scope' }>

/** Statements whose body has a scope of its own. */
function runBlock(statement: Block, scope: Scope, output: Output, runtime: Runtime): Ending {
  const inner = new Scope(scope)
  switch (statement.type) {
    case 'set-block': {
      const text = textOfBody(statement.body, inner, runtime)
      const { filter } = statement
      assign(statement.target, filter === null ? text : evaluate(filter, scope, runtime, text), scope)
      return 'end'
    }
    case 'filter-block': {
      const text = textOfBody(statement.body, inner, runtime)
      output.write(textOf(evaluate(statement.filter, scope, runtime, text), runtime.budget))
      return 'end'
    }
    case 'call-block': {
      if (statement.call.type !== 'call') return fail('expected a call')
      const caller = createCaller(statement.parameters, statement.body, scope, runtime)
      const { callee, arguments: given } = statement.call
      const named = [...given.named, ['caller', { type: 'constant', value: caller }] as const]
      const call = { ...statement.call, callee, arguments: { ...given, named } }
      output.write(textOf(evaluate(call, scope, runtime), runtime.budget))
      return 'end'
    }
    case 'with': {
      const values = statement.values.map(
        ([target, value]) => [target, evaluate(value, scope, runtime)] as const,
      )
      for (const [target, value] of values) assign(target, value, inner)
      return runBody(statement.body, inner, output, runtime)
    }
    case 'scope':
      return runBody(statement.body, inner, output, runtime)
  }
}
