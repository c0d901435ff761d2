import { printableLines } from '../printable.ts'

/** Values that are written without quotes: ids, numbers, addresses, ranges. */
const plain = /^[\w.:/@+\-[\],%]+$/

/** Longest value on a readable line. The file has the whole value. */
const valueLengthMax = 400

/**
 * Turns one JSON line of the log into a readable one: time, level, event, `key=value`.
 * Text from a peer is quoted, so that it can neither break the line nor send control sequences to the terminal.
 */
export function readableLine(json: string): string {
  const { time, level, event, ...fields } = JSON.parse(json) as Record<string, unknown>
  const clock = new Date(Number(time)).toISOString().slice(11, 23)
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`)
  return `${clock} ${String(level).padEnd(5)} ${String(event)}${pairs.join('')}\n`
}

function formatValue(value: unknown): string {
  if (isDescribedError(value)) return formatValue(value.message)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const short = text.length > valueLengthMax ? `${text.slice(0, valueLengthMax)}…` : text
  if (typeof value !== 'string') return printableLines(short)
  return plain.test(short) ? short : printableLines(JSON.stringify(short))
}

function isDescribedError(value: unknown): value is { message: string } {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  )
}
