import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { formatBraces, type Access } from '../format/braces.ts'
import { bind, integerOf } from '../run/calls.ts'
import { lengthOf, linesOf, stripped } from '../values/characters.ts'
import { isTrue } from '../values/compare.ts'
import { iterate } from '../values/iterate.ts'
import { Tuple, type Call, type Value } from '../values/values.ts'
import { caseMethods, kindMethods } from './string-cases.ts'
import { joined, replaced, requiredText, splitFromLeft, splitFromRight } from './texts.ts'

export type StringMethod = (text: string, call: Call, budget: Budget, access: Access) => Value

/** A method of `str`, or undefined. */
export function stringMethod(name: string): StringMethod | undefined {
  return methods.get(name)
}

const strip =
  (sides: { left: boolean; right: boolean }): StringMethod =>
  (text, call) => {
    const [characters] = bind(call, 'chars')
    return stripped(
      text,
      characters === undefined || characters === null ? null : requiredText(characters),
      sides,
    )
  }

const pad =
  (align: 'left' | 'right' | 'center'): StringMethod =>
  (text, call, budget) => {
    const [width, fill] = bind(call, 'width', 'fillchar')
    const missing = integerOf(width, 0) - lengthOf(text)
    if (missing <= 0) return text
    budget.characters(missing + text.length)
    const character = fill === undefined ? ' ' : requiredText(fill)
    const whole = missing + lengthOf(text)
    // As in CPython, the odd space goes to the left only where the width is odd.
    const before =
      align === 'left' ? 0 : align === 'right' ? missing : Math.floor(missing / 2) + (missing & whole & 1)
    return character.repeat(before) + text + character.repeat(missing - before)
  }

const affix =
  (has: (text: string, affix: string) => boolean): StringMethod =>
  (text, call) => {
    const [given] = bind(call, 'prefix', 'start', 'end')
    if (given instanceof Tuple) return given.items.some((item) => has(text, requiredText(item)))
    return has(text, requiredText(given))
  }

const position =
  (find: (text: string, part: string) => number, required: boolean): StringMethod =>
  (text, call) => {
    const [part] = bind(call, 'sub', 'start', 'end')
    const unit = find(text, requiredText(part))
    if (unit < 0 && required) return fail('substring not found')
    return BigInt(unit < 0 ? -1 : lengthOf(text.slice(0, unit)))
  }

const split =
  (cut: (text: string, separator: string | null, most: number) => string[]): StringMethod =>
  (text, call, budget) => {
    const [separator, most] = bind(call, 'sep', 'maxsplit')
    const parts = cut(
      text,
      separator === undefined || separator === null ? null : requiredText(separator),
      integerOf(most, -1),
    )
    budget.entries(parts.length)
    return parts
  }

const partition =
  (find: (text: string, separator: string) => number, last: boolean): StringMethod =>
  (text, call) => {
    const [given] = bind(call, 'sep')
    const separator = requiredText(given)
    const at = find(text, separator)
    if (at < 0) return new Tuple(last ? ['', '', text] : [text, '', ''])
    return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)])
  }

const methods: ReadonlyMap<string, StringMethod> = new Map<string, StringMethod>([
  ...caseMethods,
  ...kindMethods,
  ['strip', strip({ left: true, right: true })],
  ['lstrip', strip({ left: true, right: false })],
  ['rstrip', strip({ left: false, right: true })],
  ['ljust', pad('left')],
  ['rjust', pad('right')],
  ['center', pad('center')],
  ['startswith', affix((text, prefix) => text.startsWith(prefix))],
  ['endswith', affix((text, suffix) => text.endsWith(suffix))],
  ['find', position((text, part) => text.indexOf(part), false)],
  ['rfind', position((text, part) => text.lastIndexOf(part), false)],
  ['index', position((text, part) => text.indexOf(part), true)],
  ['rindex', position((text, part) => text.lastIndexOf(part), true)],
  ['split', split(splitFromLeft)],
  ['rsplit', split(splitFromRight)],
  ['partition', partition((text, separator) => text.indexOf(separator), false)],
  ['rpartition', partition((text, separator) => text.lastIndexOf(separator), true)],
  ['format', formatBraces],
  [
    'join',
    (text, call, budget) =>
      joined(iterate(bind(call, 'iterable')[0] ?? null).map(requiredText), text, budget),
  ],
  [
    'replace',
    (text, call, budget) => {
      const [old, by, count] = bind(call, 'old', 'new', 'count')
      return replaced(text, requiredText(old), requiredText(by), integerOf(count, -1), budget)
    },
  ],
  [
    'count',
    (text, call) => {
      const part = requiredText(bind(call, 'sub', 'start', 'end')[0])
      return BigInt(part === '' ? lengthOf(text) + 1 : text.split(part).length - 1)
    },
  ],
  [
    'splitlines',
    (text, call, budget) => {
      if (isTrue(bind(call, 'keepends')[0] ?? false)) return fail('splitlines(keepends) is not supported')
      const lines = linesOf(text)
      budget.entries(lines.length)
      return lines
    },
  ],
  [
    'zfill',
    (text, call, budget) => {
      const width = integerOf(bind(call, 'width')[0], 0)
      budget.characters(Math.max(width, 0))
      const sign = /^[-+]/.exec(text)?.[0] ?? ''
      return sign + text.slice(sign.length).padStart(width - sign.length, '0')
    },
  ],
  [
    'expandtabs',
    (text, call, budget) => {
      const size = integerOf(bind(call, 'tabsize')[0], 8)
      budget.characters(text.length * Math.max(1, size))
      return text
        .split('\n')
        .map((line) =>
          line.split('\t').reduce((done, part) => done + ' '.repeat(size - (lengthOf(done) % size)) + part),
        )
        .join('\n')
    },
  ],
  [
    'removeprefix',
    (text, call) => {
      const prefix = requiredText(bind(call, 'prefix')[0])
      return text.startsWith(prefix) ? text.slice(prefix.length) : text
    },
  ],
  [
    'removesuffix',
    (text, call) => {
      const suffix = requiredText(bind(call, 'suffix')[0])
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text
    },
  ],
  ['encode', () => fail('bytes are not supported')],
])
