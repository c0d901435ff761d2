import { grammarLimits } from '../limits.ts'
import { repeat, stringOf as stringWith } from '../expression.ts'
import { formats } from './formats.ts'
import { anyString, stringCharacter } from './json-text.ts'
import { countOf } from './keywords.ts'
import { readPattern } from './pattern.ts'
import { refused } from './schema-error.ts'
import type { Fields, Made } from './schema-types.ts'
import type { SchemaWork } from './schema-work.ts'

export function stringOf(schema: Fields, path: string, work: SchemaWork): Made {
  const least = countOf(schema, 'minLength', path, grammarLimits.stringLengthMax) ?? 0
  const most = countOf(schema, 'maxLength', path, grammarLimits.stringLengthMax)
  if (most !== null && least > most) return null
  const keyword = schema['format'] === undefined ? 'pattern' : 'format'
  const given = schema[keyword]
  if (given === undefined)
    return least === 0 && most === null ? anyString : stringWith(repeat(stringCharacter, least, most))
  if (keyword === 'format' && schema['pattern'] !== undefined)
    throw refused(path, 'pattern', "cannot stand beside 'format'")
  if (typeof given !== 'string') throw refused(path, keyword, 'must be a text')
  const pattern = keyword === 'pattern' ? given : formats[given]
  if (pattern === undefined)
    throw refused(
      path,
      'format',
      `may be one of ${Object.keys(formats).join(', ')}, not ${JSON.stringify(given)}`,
    )
  if (pattern.length > grammarLimits.patternLengthMax)
    throw refused(path, keyword, `may have ${grammarLimits.patternLengthMax} characters at most`)
  // Each character becomes a set of characters as JSON writes them.
  work.spend(8 * pattern.length)
  const read = readPattern(pattern, path, keyword)
  if (read.least < least || (most !== null && (read.most === null || read.most > most)))
    throw refused(path, keyword, "allows lengths that 'minLength' or 'maxLength' forbid")
  return stringWith(read.expression)
}
