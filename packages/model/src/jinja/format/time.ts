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
const dayMs = 86_400_000

type Fields = Readonly<Record<string, string | number>>

/** The numbers of a time, each padded to the width of its directive; `-` before the letter removes the padding. */
function numbersOf(
  date: Date,
  yearDay: number,
): Readonly<Record<string, readonly [value: number, width: number]>> {
  const [hour, weekDay] = [date.getUTCHours(), date.getUTCDay()]
  return {
    Y: [date.getUTCFullYear(), 4],
    C: [Math.floor(date.getUTCFullYear() / 100), 2],
    y: [date.getUTCFullYear() % 100, 2],
    m: [date.getUTCMonth() + 1, 2],
    d: [date.getUTCDate(), 2],
    H: [hour, 2],
    I: [hour % 12 === 0 ? 12 : hour % 12, 2],
    M: [date.getUTCMinutes(), 2],
    S: [date.getUTCSeconds(), 2],
    f: [date.getUTCMilliseconds() * 1000, 6],
    j: [yearDay + 1, 3],
    w: [weekDay, 1],
    u: [weekDay === 0 ? 7 : weekDay, 1],
    U: [Math.floor((yearDay + 7 - weekDay) / 7), 2],
    W: [Math.floor((yearDay + 7 - ((weekDay + 6) % 7)) / 7), 2],
  }
}

/** Directives that are short for several others, in the C locale. */
const combined: Readonly<Record<string, string>> = {
  F: '%Y-%m-%d',
  T: '%H:%M:%S',
  X: '%H:%M:%S',
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  c: '%a %b %e %H:%M:%S %Y',
}

/**
 * Python's `strftime` in UTC and the C locale. An unknown directive stays as it is.
 * @param wallMs milliseconds since 1970
 */
export function formatTime(format: string, wallMs: number): string {
  const date = new Date(wallMs)
  const month = months[date.getUTCMonth()] ?? ''
  const day = days[date.getUTCDay()] ?? ''
  const yearDay = Math.floor((wallMs - Date.UTC(date.getUTCFullYear(), 0, 1)) / dayMs)
  const numbers = numbersOf(date, yearDay)
  const texts: Fields = {
    B: month,
    b: month.slice(0, 3),
    h: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    p: date.getUTCHours() < 12 ? 'AM' : 'PM',
    e: String(date.getUTCDate()).padStart(2, ' '),
    s: Math.floor(wallMs / 1000),
    Z: 'UTC',
    z: '+0000',
    n: '\n',
    t: '\t',
    '%': '%',
  }
  return format.replaceAll(/%(-?)([A-Za-z%])/g, (whole: string, dash: string, letter: string) => {
    const number = numbers[letter]
    if (number !== undefined)
      return dash === '' ? String(number[0]).padStart(number[1], '0') : String(number[0])
    const longer = combined[letter]
    return longer === undefined ? String(texts[letter] ?? whole) : formatTime(longer, wallMs)
  })
}
