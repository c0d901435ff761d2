import { fail } from '../failure.ts'
import type { Target } from '../syntax/nodes.ts'
import { iterate } from '../values/iterate.ts'
import type { Value } from '../values/values.ts'
import { Namespace } from './namespace.ts'
import type { Scope } from './scope.ts'

/**
 * @throws {TemplateFailure} when a tuple has another length than its target, or when an attribute is set on a value
 *   that is no namespace
 */
export function assign(target: Target, value: Value, scope: Scope): void {
  if (target.type === 'name') {
    scope.set(target.name, value)
    return
  }
  if (target.type === 'member') {
    const object = scope.get(target.object)
    if (!(object instanceof Namespace)) fail('cannot assign attribute on non-namespace object')
    else object.set(target.name, value)
    return
  }
  const items = iterate(value)
  if (items.length !== target.items.length)
    fail(`expected ${target.items.length} values to unpack, got ${items.length}`)
  for (const [index, item] of target.items.entries()) assign(item, items[index] ?? null, scope)
}
