/** How often something went wrong. */
export interface LogCount {
  readonly level: 'warn' | 'error'
  readonly event: string
  readonly code: string | null
  readonly count: number
}

/** Names of events and codes are constants of the program. Anything else in a log can hold words of others. */
const constant = /^[a-z][a-z0-9-_]{0,63}$/

/** Most lines of a report that the log fills. */
const countsMax = 30

/** Counts warnings and errors in the JSON lines of a log, the most frequent first. */
export function logCounts(text: string): LogCount[] {
  const counts = new Map<string, LogCount>()
  for (const line of text.split('\n')) {
    const found = countedLine(line)
    if (found === null) continue
    const name = JSON.stringify(found)
    counts.set(name, { ...found, count: (counts.get(name)?.count ?? 0) + 1 })
  }
  return [...counts.values()]
    .toSorted((a, b) => b.count - a.count || (a.event < b.event ? -1 : 1))
    .slice(0, countsMax)
}

function countedLine(line: string): Omit<LogCount, 'count'> | null {
  let fields: Partial<Record<'level' | 'event' | 'code' | 'error', unknown>>
  try {
    fields = (JSON.parse(line) as typeof fields | null) ?? {}
  } catch {
    return null // The first line of a rotated part can be cut.
  }
  const { level, event, error } = fields
  if ((level !== 'warn' && level !== 'error') || typeof event !== 'string' || !constant.test(event))
    return null
  const code = fields.code ?? (error as { code?: unknown } | null | undefined)?.code
  return { level, event, code: typeof code === 'string' && constant.test(code) ? code : null }
}
