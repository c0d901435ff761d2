import type { ArithmeticOperator } from '../values/arithmetic.ts'
import type { Value } from '../values/values.ts'

export interface Arguments {
  readonly positional: readonly Expression[]
  readonly named: readonly (readonly [name: string, value: Expression])[]
  /** `*list` and `**dict`. */
  readonly rest: Expression | null
  readonly namedRest: Expression | null
}

export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in'

export type Expression =
  | { readonly type: 'constant'; readonly value: Value }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly type: 'item'; readonly object: Expression; readonly key: Expression }
  | {
      readonly type: 'slice'
      readonly object: Expression
      readonly bounds: readonly (Expression | null)[]
    }
  | { readonly type: 'call'; readonly callee: Expression; readonly arguments: Arguments }
  /** The input is null in a filter block, whose input is its text. */
  | {
      readonly type: 'filter'
      readonly input: Expression | null
      readonly name: string
      readonly arguments: Arguments
    }
  | {
      readonly type: 'test'
      readonly input: Expression
      readonly name: string
      readonly arguments: Arguments
    }
  | { readonly type: 'list'; readonly items: readonly Expression[] }
  | { readonly type: 'tuple'; readonly items: readonly Expression[] }
  | { readonly type: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | {
      readonly type: 'arithmetic'
      readonly operator: ArithmeticOperator
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly type: 'concatenation'; readonly parts: readonly Expression[] }
  | { readonly type: 'sign'; readonly negative: boolean; readonly operand: Expression }
  | { readonly type: 'not'; readonly operand: Expression }
  | {
      readonly type: 'logic'
      readonly operator: 'and' | 'or'
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly type: 'comparison'
      readonly first: Expression
      readonly rest: readonly (readonly [ComparisonOperator, Expression])[]
    }
  | {
      readonly type: 'condition'
      readonly test: Expression
      readonly consequent: Expression
      readonly otherwise: Expression | null
    }

/** What an assignment or a loop sets: a name, an attribute of a namespace, or a tuple of them. */
export type Target =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'member'; readonly object: string; readonly name: string }
  | { readonly type: 'tuple'; readonly items: readonly Target[] }

export interface Parameter {
  readonly name: string
  readonly default: Expression | null
}

export type Body = readonly Statement[]

export interface ForStatement {
  readonly type: 'for'
  readonly target: Target
  readonly items: Expression
  readonly filter: Expression | null
  readonly recursive: boolean
  readonly body: Body
  readonly otherwise: Body
}

export interface MacroStatement {
  readonly type: 'macro'
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly body: Body
}

export type Statement =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'output'; readonly value: Expression }
  | { readonly type: 'do'; readonly value: Expression }
  | {
      readonly type: 'if'
      readonly branches: readonly (readonly [test: Expression, body: Body])[]
      readonly otherwise: Body
    }
  | ForStatement
  | MacroStatement
  | { readonly type: 'break' | 'continue' }
  | { readonly type: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly type: 'set-block'
      readonly target: Target
      readonly filter: Expression | null
      readonly body: Body
    }
  | {
      readonly type: 'call-block'
      readonly call: Expression
      readonly parameters: readonly Parameter[]
      readonly body: Body
    }
  | { readonly type: 'filter-block'; readonly filter: Expression; readonly body: Body }
  | {
      readonly type: 'with'
      readonly values: readonly (readonly [Target, Expression])[]
      readonly body: Body
    }
  /** A body with a scope of its own: `block`, `generation`. */
  | { readonly type: 'scope'; readonly body: Body }
