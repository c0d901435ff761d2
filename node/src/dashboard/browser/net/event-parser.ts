/** One server-sent event. */
export interface ServerEvent {
  /** `message` where the server names none. */
  readonly name: string
  readonly data: string
}

/**
 * Cuts a stream of text into server-sent events (HTML standard, section 9.2.6), wherever its chunks end. Comments, ids and
 * retry times are left out.
 */
export function createEventParser(): { push(chunk: string): ServerEvent[] } {
  let rest = ''
  let name = ''
  let data: string[] = []
  const line = (text: string): ServerEvent[] => {
    if (text === '') {
      const event = { name: name === '' ? 'message' : name, data: data.join('\n') }
      const complete = data.length > 0
      name = ''
      data = []
      return complete ? [event] : []
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(text) ?? []
    if (field === 'event') name = value
    if (field === 'data') data.push(value)
    return []
  }
  return {
    push(chunk) {
      const text = rest + chunk
      // A carriage return at the very end may be the first half of a line's end.
      const whole = text.endsWith('\r') ? text.slice(0, -1) : text
      const lines = whole.split(/\r\n|\n|\r/)
      rest = (lines.pop() ?? '') + text.slice(whole.length)
      return lines.flatMap(line)
    },
  }
}
