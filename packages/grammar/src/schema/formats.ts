const hour = '([01][0-9]|2[0-3])'
const sixty = '[0-5][0-9]'
/** Days that every year has; the 29th of February is left out. */
const date =
  '[12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))'
const time = `${hour}:${sixty}:${sixty}(\\.[0-9]{1,6})?(Z|[+-]${hour}:${sixty})`
const byte = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'

/** Patterns of the supported formats. Every text of a pattern has the format; not every text of the format is in the pattern. */
export const formats: Readonly<Record<string, string>> = {
  date: `^${date}$`,
  time: `^${time}$`,
  'date-time': `^${date}T${time}$`,
  uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  ipv4: `^${byte}(\\.${byte}){3}$`,
  email: '^[a-z0-9]{1,20}([._-][a-z0-9]{1,20}){0,3}@[a-z0-9]{1,20}([.-][a-z0-9]{1,20}){0,2}\\.[a-z]{2,6}$',
}
