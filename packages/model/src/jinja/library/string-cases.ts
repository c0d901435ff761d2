import { charactersOf, isSpaces } from '../values/characters.ts'
import type { StringMethod } from './string-methods.ts'

const upperFirst = (text: string): string => {
  const [first = '', ...rest] = charactersOf(text)
  return first.toUpperCase() + rest.join('').toLowerCase()
}

/** `str.title`: a letter behind anything but a letter is a capital. */
export function titleCase(text: string): string {
  return text.replaceAll(/\p{L}+/gu, upperFirst)
}

export const capitalized = upperFirst

export const caseMethods: readonly (readonly [string, StringMethod])[] = [
  ['upper', (text) => text.toUpperCase()],
  ['lower', (text) => text.toLowerCase()],
  ['casefold', (text) => text.toLowerCase().replaceAll('ß', 'ss')],
  ['title', titleCase],
  ['capitalize', upperFirst],
  [
    'swapcase',
    (text) =>
      charactersOf(text)
        .map((character) =>
          character === character.toUpperCase() ? character.toLowerCase() : character.toUpperCase(),
        )
        .join(''),
  ],
]

const every =
  (pattern: RegExp): StringMethod =>
  (text) =>
    pattern.test(text)

const hasCase = (text: string): boolean => text.toUpperCase() !== text.toLowerCase()

export const isLower = (text: string): boolean => hasCase(text) && text === text.toLowerCase()
export const isUpper = (text: string): boolean => hasCase(text) && text === text.toUpperCase()

/** The methods that tell what kind of characters a text has (`isdigit`, `isupper`, …). */
export const kindMethods: readonly (readonly [string, StringMethod])[] = [
  ['isdigit', every(/^[\p{Nd}\u00B2\u00B3\u00B9\u2070-\u2089]+$/u)],
  ['isdecimal', every(/^\p{Nd}+$/u)],
  ['isnumeric', every(/^\p{N}+$/u)],
  ['isalpha', every(/^\p{L}+$/u)],
  ['isalnum', every(/^[\p{L}\p{N}]+$/u)],
  ['isidentifier', every(/^[\p{L}_][\p{L}\p{N}\p{M}_]*$/u)],
  ['isascii', (text) => charactersOf(text).every((character) => character <= '\u007F')],
  ['isspace', isSpaces],
  ['islower', isLower],
  ['isupper', isUpper],
]
