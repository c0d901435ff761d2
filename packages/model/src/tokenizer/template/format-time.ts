const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/**
 * `strftime` as far as chat templates use it, in UTC. An unknown directive stays as it is.
 * @param wallMs milliseconds since 1970
 */
export function formatTime(format: string, wallMs: number): string {
  const date = new Date(wallMs)
  const month = months[date.getUTCMonth()] ?? ''
  const day = days[date.getUTCDay()] ?? ''
  const two = (value: number): string => String(value).padStart(2, '0')
  const parts: Readonly<Record<string, string>> = {
    '%Y': String(date.getUTCFullYear()),
    '%m': two(date.getUTCMonth() + 1),
    '%d': two(date.getUTCDate()),
    '%-d': String(date.getUTCDate()),
    '%B': month,
    '%b': month.slice(0, 3),
    '%A': day,
    '%a': day.slice(0, 3),
    '%H': two(date.getUTCHours()),
    '%M': two(date.getUTCMinutes()),
    '%S': two(date.getUTCSeconds()),
    '%%': '%',
  }
  return format.replaceAll(/%-?[A-Za-z%]/g, (directive) => parts[directive] ?? directive)
}
