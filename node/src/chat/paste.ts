import { Transform } from 'node:stream'

const [start, end] = ['\u001b[200~', '\u001b[201~']

/** Tells a terminal to mark what is pasted (bracketed paste), and to stop that. */
export const pasteMarks = { on: '\u001b[?2004h', off: '\u001b[?2004l' } as const

/** Stands for a line break of pasted text while its line is edited. */
const lineBreak = '⏎'

/** What was typed, with the line breaks that it was pasted with. */
export const withLineBreaks = (line: string): string => line.replaceAll(lineBreak, '\n')

/**
 * Text from a terminal that marks what is pasted: pasted line breaks become signs that do not end the line, other pasted
 * control characters are left out, and the marks are removed. Marks may come in pieces.
 * @returns a function that takes the next piece of text
 */
export function createPasteReader(): (text: string) => string {
  let pasting = false
  let kept = ''
  let afterReturn = false
  const pasted = (text: string): string => {
    let shown = ''
    for (const character of text) {
      // A carriage return with a line feed is one line break.
      if (character === '\r' || (character === '\n' && !afterReturn)) shown += lineBreak
      else if (character >= ' ' && character !== '\u007f') shown += character
      else if (character === '\t') shown += '  '
      afterReturn = character === '\r'
    }
    return shown
  }
  return (text) => {
    let rest = kept + text
    let out = ''
    for (;;) {
      const mark = pasting ? end : start
      const at = rest.indexOf(mark)
      const part = at < 0 ? rest.slice(0, rest.length - partOf(mark, rest)) : rest.slice(0, at)
      out += pasting ? pasted(part) : part
      if (at < 0) {
        kept = rest.slice(part.length)
        return out
      }
      rest = rest.slice(at + mark.length)
      pasting = !pasting
      afterReturn = false
    }
  }
}

/** Characters at the end of a text with which a mark may begin. An escape key waits for the next one, as it does in readline. */
function partOf(mark: string, text: string): number {
  for (let length = mark.length - 1; length > 0; length -= 1)
    if (text.endsWith(mark.slice(0, length))) return length
  return 0
}

/** Standard input as readline takes it: a terminal whose pasted text stays on one line. */
export function pasteInput(stdin: NodeJS.ReadStream): Transform {
  const read = createPasteReader()
  stdin.setEncoding('utf8')
  const input = new Transform({
    decodeStrings: false,
    encoding: 'utf8',
    transform: (chunk: string, _encoding, done) => done(null, read(chunk)),
  })
  return Object.assign(stdin.pipe(input), {
    isTTY: true,
    setRawMode: (raw: boolean) => stdin.setRawMode(raw),
  })
}
