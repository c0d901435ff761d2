import { readJson } from './json-span.ts'
import type { OutputPart } from './parts.ts'

/**
 * A call whose arguments stand in tags of their own: `<function=NAME><parameter=KEY>VALUE</parameter></function>`
 * (Qwen3-Coder) or `NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>` (GLM).
 * @param opening the mark before the text, which may be a part of the tag
 * @returns null for another text
 */
export function readTaggedCall(
  opening: string,
  text: string,
  tools: ReadonlySet<string>,
): OutputPart[] | null {
  const tags = opening === '<function=' ? opening + text : text
  const [, name = '', rest = ''] =
    /^\s*<function=([^>\s]+)>([\s\S]*)$/u.exec(tags) ??
    /^\s*([\w.-]+)\s*(<arg_key>[\s\S]*)?$/u.exec(tags) ??
    []
  if (name === '' || !tools.has(name)) return null
  const pairs = [
    ...rest.matchAll(/<parameter=([^>\s]+)>\n?([\s\S]*?)\n?<\/parameter>/gu),
    ...rest.matchAll(/<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>/gu),
  ].map(([, key = '', value = '']) => [key.trim(), valueOf(value)] as const)
  return [
    { type: 'call', name },
    { type: 'arguments', text: JSON.stringify(Object.fromEntries(pairs)) },
  ]
}

/** Numbers, objects and the like are written as JSON; every other value is a text. */
function valueOf(text: string): unknown {
  const value = readJson(text)
  return value === undefined ? text : value
}
