import type { z } from 'zod'
import { issueWords } from '../issue-words.ts'

type Issue = z.core.$ZodIssue

/** What is wrong with a JSON file of the user's, in a sentence that names the place: `devices[0].memory is missing`. */
export function fileIssue(issues: readonly Issue[], file: unknown): string {
  const [issue] = issues
  if (issue === undefined) return 'it has another form than it should'
  return `${placeOf(issue.path)} ${issueWords(issue, valueAt(file, issue.path))}`
}

function placeOf(path: readonly PropertyKey[]): string {
  const words = path.map((part, index) =>
    typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
  )
  return words.length === 0 ? 'the file' : words.join('')
}

function valueAt(file: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    file,
  )
}
