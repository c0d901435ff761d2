import picocolors from 'picocolors'

interface Style {
  readonly open: string
  readonly close: string
}

const colours = picocolors.createColors(true)
const styleOf = (paint: (text: string) => string): Style => {
  const [open = '', close = ''] = paint('\0').split('\0')
  return { open, close }
}
const styles = {
  strong: styleOf(colours.bold),
  emphasis: styleOf(colours.italic),
  code: styleOf(colours.cyan),
  heading: styleOf((text) => colours.bold(colours.underline(text))),
  block: styleOf(colours.cyan),
  quote: styleOf(colours.dim),
} as const
type StyleName = keyof typeof styles

/** Beginnings of a line that more text decides. */
const undecided = /^ *(?:#{1,6}|`{1,3}\w*|~{1,3}\w*|>|[-*+]|\*\*)?$/
const heading = /^ {0,3}#{1,6} /
const bullet = /^( *)[-*+] /
const quote = /^ {0,3}> ?/
const fence = /^ {0,3}(?:```|~~~)/
/** A line of so many characters is no fence. Fences are held back until their line ends. */
const fenceLengthMax = 64

/**
 * Writes an answer on a terminal as it comes, with its markdown as styles. A mark is held back until the next character says
 * what it is. Styles end with their line, so that an unfinished mark colours no more than that. What is no mark stays as it
 * is written, and how the text is cut into pieces changes nothing.
 */
export class TerminalMarkdown {
  #held = ''
  #atStart = true
  #inBlock = false
  /** The character before the held ones; empty at the start of a line. */
  #previous = ''
  readonly #active: StyleName[] = []

  /** @returns what to write now */
  push(text: string): string {
    this.#held += text
    return this.#drain(false)
  }

  /** @returns the rest, with every style ended */
  end(): string {
    return this.#drain(true) + this.#close()
  }

  #drain(last: boolean): string {
    let out = ''
    while (this.#held !== '') {
      const next = this.#atStart ? this.#lineStart(last) : this.#piece(last)
      if (next === null) break
      out += next
    }
    return out
  }

  /** The beginning of a line; null while it is not known what it is. */
  #lineStart(last: boolean): string | null {
    const lineEnd = this.#held.indexOf('\n')
    const length = lineEnd === -1 ? this.#held.length : lineEnd
    const isFence = fence.test(this.#held) && length < fenceLengthMax
    if (!last && lineEnd === -1 && (isFence || undecided.test(this.#held))) return null
    this.#atStart = false
    if (isFence) {
      this.#inBlock = !this.#inBlock
      return styles.quote.open + this.#take(length) + styles.quote.close
    }
    if (this.#inBlock) return this.#toggle('block')
    const title = heading.exec(this.#held)?.[0]
    if (title !== undefined) {
      this.#take(title.length)
      return this.#toggle('heading')
    }
    const [item, indent = ''] = bullet.exec(this.#held) ?? []
    if (item !== undefined) {
      this.#take(item.length)
      return `${indent}• `
    }
    const cited = quote.exec(this.#held)?.[0]
    if (cited === undefined) return ''
    this.#take(cited.length)
    return `${this.#toggle('quote')}│ `
  }

  /** The next piece inside of a line; null while a mark may go on. */
  #piece(last: boolean): string | null {
    const [character = ''] = this.#held
    if (character === '\n') {
      this.#take(1)
      this.#atStart = true
      this.#previous = ''
      return `${this.#close()}\n`
    }
    const inCode = this.#active.includes('code')
    const run = /^(?:`+|\*+|_+)/.exec(this.#held)?.[0]
    if (run === undefined || this.#inBlock || (inCode && character !== '`'))
      return (this.#previous = this.#take(character.length))
    return run.length === this.#held.length && !last ? null : this.#mark(run)
  }

  /** Marks open before text and end behind it; all others, such as a multiplication sign, are text. */
  #mark(run: string): string {
    const previous = this.#previous
    const next = this.#held[run.length] ?? ''
    this.#take(run.length)
    this.#previous = run
    const name = run.startsWith('`') ? 'code' : run.length >= 2 ? 'strong' : 'emphasis'
    const touches = this.#active.includes(name) ? /\S/.test(previous) : /\S/.test(next)
    const inWord = run.startsWith('_') && /\w/.test(previous) && /\w/.test(next)
    if (run.length > 3 || inWord || (name !== 'code' && !touches)) return run
    return this.#toggle(name) + (name === 'strong' && run.length === 3 ? this.#toggle('emphasis') : '')
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    return taken
  }

  #toggle(name: StyleName): string {
    const at = this.#active.indexOf(name)
    if (at === -1) {
      this.#active.push(name)
      return styles[name].open
    }
    this.#active.splice(at, 1)
    // The codes that end a style may end another one as well, which goes on.
    return styles[name].close + this.#active.map((each) => styles[each].open).join('')
  }

  #close(): string {
    return this.#active
      .splice(0)
      .toReversed()
      .map((name) => styles[name].close)
      .join('')
  }
}
