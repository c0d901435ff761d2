import type { Budget } from '../budget.ts'
import { fail } from '../failure.ts'
import { charactersOf, isSpaces, stripped, wordsOf } from '../values/characters.ts'
import { stringOf, typeNameOf, type Value } from '../values/values.ts'

/** @throws {TemplateFailure} for what is no text */
export function requiredText(value: Value | undefined): string {
  const text = value === undefined ? undefined : stringOf(value)
  return text ?? fail(`expected str, got ${value === undefined ? 'nothing' : typeNameOf(value)}`)
}

export function joined(texts: readonly string[], separator: string, budget: Budget): string {
  budget.characters(texts.reduce((sum, text) => sum + text.length + separator.length, 0))
  return texts.join(separator)
}

/** `str.replace`; a negative count replaces all. */
export function replaced(text: string, old: string, by: string, count: number, budget: Budget): string {
  if (count === 0) return text
  const parts = old === '' ? ['', ...charactersOf(text), ''] : text.split(old)
  const places = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1)
  budget.characters(text.length + places * by.length)
  if (places === parts.length - 1) return parts.join(by)
  return [...parts.slice(0, places), parts.slice(places).join(old)].join(by)
}

/** `str.split`. A null separator splits at white space, and a negative `most` sets no limit. */
export function splitFromLeft(text: string, separator: string | null, most: number): string[] {
  if (separator === null) return wordsFrom(text, most, false)
  if (separator === '') return fail('empty separator')
  const parts = text.split(separator)
  return most < 0 || parts.length <= most
    ? parts
    : [...parts.slice(0, most), parts.slice(most).join(separator)]
}

export function splitFromRight(text: string, separator: string | null, most: number): string[] {
  if (separator === null) return wordsFrom(text, most, true)
  if (separator === '') return fail('empty separator')
  const parts = text.split(separator)
  const kept = parts.length - most
  return most < 0 || kept <= 1 ? parts : [parts.slice(0, kept).join(separator), ...parts.slice(kept)]
}

function wordsFrom(text: string, most: number, fromRight: boolean): string[] {
  if (most < 0) return wordsOf(text)
  const characters = fromRight ? charactersOf(text).toReversed() : charactersOf(text)
  const words: string[][] = []
  let position = 0
  const skip = (): void => {
    while (position < characters.length && isSpaces(characters[position] ?? '')) position++
  }
  for (skip(); position < characters.length; skip()) {
    const begin = position
    while (position < characters.length && (words.length === most || !isSpaces(characters[position] ?? '')))
      position++
    words.push(characters.slice(begin, position))
  }
  if (!fromRight) return words.map((word) => strippedEnd(word.join(''), false))
  return words.map((word) => strippedEnd(word.toReversed().join(''), true)).toReversed()
}

function strippedEnd(text: string, left: boolean): string {
  return stripped(text, null, { left, right: !left })
}
