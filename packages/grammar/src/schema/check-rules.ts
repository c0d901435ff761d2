import { ModelError } from '@shoal/model'
import { grammarLimits } from '../limits.ts'
import type { Expression, Rules } from '../expression.ts'

/** @throws {ModelError} `bad-request` for a grammar that is too large, has no finite text, or begins with itself */
export function checkRules({ root, rules }: Rules): void {
  const states = [root, ...rules.values()].reduce((sum, expression) => sum + statesOf(expression), 0)
  if (states > grammarLimits.statesMax)
    throw refusal(`it becomes a grammar of more than ${grammarLimits.statesMax} states; a smaller one helps`)
  const finite = new Set<string>()
  for (let before = -1; before !== finite.size;) {
    before = finite.size
    for (const [name, expression] of rules) if (ends(expression, finite)) finite.add(name)
  }
  if (finite.size < rules.size || !ends(root, finite))
    throw refusal('it contains a schema all of whose values are infinitely deep')
  if (beginsWithItself(rules)) throw refusal("'$ref' leads to itself without a value in between")
}

const refusal = (reason: string): ModelError =>
  new ModelError('bad-request', `the JSON schema cannot become a grammar: ${reason}`)

function statesOf(expression: Expression): number {
  switch (expression.type) {
    case 'text':
      return expression.text.length + 1
    case 'characters':
    case 'rule':
      return 1
    case 'sequence':
      return expression.parts.reduce((sum, part) => sum + statesOf(part), 0)
    case 'choice':
      return expression.options.reduce((sum, option) => sum + statesOf(option), 1)
    case 'repeat':
      return statesOf(expression.part) * Math.max(1, expression.most ?? expression.least + 1)
    case 'string':
      return 8 + partsOf(expression.content)
  }
}

/** Of the content of a string, where a repetition is a number and not a state for each of its parts. */
function partsOf(expression: Expression): number {
  switch (expression.type) {
    case 'sequence':
      return expression.parts.reduce((sum, part) => sum + partsOf(part), 0)
    case 'choice':
      return expression.options.reduce((sum, option) => sum + partsOf(option), 1)
    case 'repeat':
      return 1 + partsOf(expression.part)
    case 'text':
    case 'characters':
    case 'rule':
    case 'string':
      return statesOf(expression)
  }
}

/** Whether the expression has a finite text, where only these rules are known to have one. */
function ends(expression: Expression, finite: ReadonlySet<string>): boolean {
  switch (expression.type) {
    case 'text':
    case 'characters':
    case 'string':
      return true
    case 'rule':
      return finite.has(expression.name)
    case 'sequence':
      return expression.parts.every((part) => ends(part, finite))
    case 'choice':
      return expression.options.some((option) => ends(option, finite))
    case 'repeat':
      return expression.least === 0 || ends(expression.part, finite)
  }
}

/** Rules with which a text of the expression may begin. Every part of a JSON text except blanks has at least one character. */
function firstRules(expression: Expression): string[] {
  switch (expression.type) {
    case 'text':
    case 'characters':
    case 'string':
      return []
    case 'rule':
      return [expression.name]
    case 'sequence':
      return expression.parts.slice(0, 1).flatMap(firstRules)
    case 'choice':
      return expression.options.flatMap(firstRules)
    case 'repeat':
      return firstRules(expression.part)
  }
}

function beginsWithItself(rules: ReadonlyMap<string, Expression>): boolean {
  const first = new Map([...rules].map(([name, expression]) => [name, firstRules(expression)]))
  const done = new Set<string>()
  const visit = (name: string, open: readonly string[]): boolean => {
    if (open.includes(name)) return true
    if (done.has(name)) return false
    const found = (first.get(name) ?? []).some((next) => visit(next, [...open, name]))
    done.add(name)
    return found
  }
  return [...rules.keys()].some((name) => visit(name, []))
}
