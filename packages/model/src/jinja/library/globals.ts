import type { Budget } from '../budget.ts'
import { fail, TemplateFailure } from '../failure.ts'
import { formatTime } from '../format/time.ts'
import { bind, integerOf } from '../run/calls.ts'
import { Namespace } from '../run/namespace.ts'
import { iterate } from '../values/iterate.ts'
import { textOf } from '../values/text.ts'
import { Dict, hostFunction, Range, type Call, type HostObject, type Value } from '../values/values.ts'
import { requiredText } from './texts.ts'

/** Longest list that `range` makes; Jinja2's sandbox has a bound too. */
const rangeLengthMax = 10_000

/**
 * The functions of a template. `strftime_now` exists only with `wallMs`, because a prompt with today's date cannot be
 * reproduced.
 */
export function createGlobals(budget: Budget, wallMs: (() => number) | undefined): [string, Value][] {
  const functions: Record<string, (call: Call) => Value> = {
    range: (call) => rangeOf(call, budget),
    dict: (call) => Dict.of(pairsOf(call)),
    namespace: (call) => new Namespace(pairsOf(call).map(([name, value]) => [requiredText(name), value])),
    cycler: ({ positional }) => createCycler(positional),
    joiner: (call) => createJoiner(bind(call, 'sep')[0] ?? ', '),
    raise_exception: (call) => {
      throw new TemplateFailure(textOf(bind(call, 'message')[0] ?? null, budget), { raised: true })
    },
    ...(wallMs === undefined
      ? {}
      : { strftime_now: (call: Call) => formatTime(requiredText(bind(call, 'format')[0]), wallMs()) }),
  }
  return Object.entries(functions).map(([name, run]) => [name, hostFunction(name, run)])
}

function pairsOf({ positional, named }: Call): (readonly [Value, Value])[] {
  const [first] = positional
  const pairs =
    first === undefined ? [] : first instanceof Dict ? first.entries() : iterate(first).map(pairOf)
  return [...pairs, ...named]
}

function pairOf(item: Value): readonly [Value, Value] {
  const [key, value, more] = iterate(item)
  return key === undefined || value === undefined || more !== undefined
    ? fail('a pair is needed')
    : [key, value]
}

function rangeOf(call: Call, budget: Budget): Range {
  const [one, two, three] = bind(call, 'start', 'stop', 'step')
  const [start, stop, step] = [
    two === undefined ? 0 : integerOf(one, 0),
    integerOf(two ?? one, 0),
    integerOf(three, 1),
  ]
  if (step === 0) return fail('range() arg 3 must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (!(length <= rangeLengthMax)) return fail(`range of ${length} numbers, more than ${rangeLengthMax}`)
  budget.entries(length)
  const items = Array.from({ length }, (_, index) => BigInt(start + index * step))
  return new Range(BigInt(start), BigInt(stop), BigInt(step), items)
}

function createCycler(items: readonly Value[]): HostObject {
  let position = 0
  const current = (): Value =>
    items.length === 0 ? fail('at least one item has to be provided') : (items[position] ?? null)
  const next = hostFunction('next', () => {
    const value = current()
    position = (position + 1) % items.length
    return value
  })
  const reset = hostFunction('reset', () => {
    position = 0
    return null
  })
  return {
    typeName: 'Cycler',
    text: '<Cycler>',
    call: null,
    attribute: (name) =>
      name === 'next' ? next : name === 'reset' ? reset : name === 'current' ? current() : undefined,
  }
}

function createJoiner(separator: Value): HostObject {
  let used = false
  return hostFunction('joiner', () => {
    const value = used ? separator : ''
    used = true
    return value
  })
}
