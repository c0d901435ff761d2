import { fail } from '../failure.ts'
import type { Filter } from '../run/runtime.ts'
import { wordsOf } from '../values/characters.ts'
import { escapeText } from '../values/html.ts'
import { iterate } from '../values/iterate.ts'
import { textOf } from '../values/text.ts'
import { Dict, Markup, stringOf, Undefined } from '../values/values.ts'

const safe: Filter = (input, _call, { budget }) => new Markup(textOf(input, budget))

const forceEscape: Filter = (input, _call, { budget }) => {
  const escaped = escapeText(textOf(input, budget))
  budget.characters(escaped.length)
  return new Markup(escaped)
}

const escape: Filter = (input, call, runtime) =>
  input instanceof Markup ? input : forceEscape(input, call, runtime)

const stripTags: Filter = (input, _call, { budget }) => {
  const bare = textOf(input, budget).replaceAll(/<!--[^]*?-->|<[^>]*>/g, '')
  const text = wordsOf(bare).join(' ')
  return text.replaceAll(/&(amp|lt|gt|quot|#34|#39);/g, (_, name: string) => characters[name] ?? '')
}

const characters: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#34': '"',
  '#39': "'",
}

const urlEncode: Filter = (input, _call, { budget }) => {
  const quoted = (text: string, safeSlash: boolean): string => {
    if (!text.isWellFormed()) return fail('surrogates are not allowed')
    const encoded = encodeURIComponent(text).replaceAll(
      /[!'()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    )
    budget.characters(encoded.length)
    return safeSlash ? encoded.replaceAll('%2F', '/') : encoded
  }
  const text = stringOf(input)
  if (text !== undefined) return quoted(text, true)
  const pairs = input instanceof Dict ? input.entries() : iterate(input).map((item) => iterate(item))
  return pairs
    .map((pair) =>
      pair.map((part) => quoted(textOf(part ?? null, budget), false).replaceAll('%20', '+')).join('='),
    )
    .join('&')
}

const xmlAttributes: Filter = (input, _call, { budget }) => {
  if (!(input instanceof Dict)) return fail('xmlattr needs a mapping')
  const attributes = input
    .entries()
    .filter(([, value]) => value !== null && !(value instanceof Undefined))
    .map(([key, value]) => {
      const name = textOf(key, budget)
      if (/[\s/>=]/.test(name)) fail(`Invalid character in attribute name: '${name}'`)
      return ` ${escapeText(name)}="${escapeText(textOf(value, budget))}"`
    })
  return new Markup(attributes.join(''))
}

export const markupFilters: readonly (readonly [string, Filter])[] = [
  ['safe', safe],
  ['escape', escape],
  ['e', escape],
  ['forceescape', forceEscape],
  ['striptags', stripTags],
  ['urlencode', urlEncode],
  ['xmlattr', xmlAttributes],
]
