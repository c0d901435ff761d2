import { Markup, stringOf, type Value } from './values.ts'

const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

/** The text with the characters escaped that HTML gives a meaning; text that is marked as safe stays as it is. */
export function escapeHtml(value: Value): string {
  return value instanceof Markup ? value.text : escapeText(stringOf(value) ?? '')
}

export function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => references[character] ?? character)
}
