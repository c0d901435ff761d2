import { createInterface, type Interface } from 'node:readline'
import { pasteInput, pasteMarks, withLineBreaks } from './paste.ts'

/** Messages from standard input, typed on a terminal or piped. */
export interface MessageLines {
  /** Null when the input has ended or was closed. */
  next(): Promise<string | null>
  prompt(text: string): void
  close(): void
}

export interface LinesOptions {
  readonly stdin: NodeJS.ReadStream
  /** Where what is typed is shown. */
  readonly shown: NodeJS.WritableStream
  /** Ctrl-C on an empty line, or while `next` is not awaited. */
  readonly onInterrupt: () => void
}

/**
 * Reads messages. On a terminal, Ctrl-C clears a line that has been begun, pasted lines are one message, and a line that
 * ends in a backslash goes on in the next. Piped lines are a message each.
 */
export function readMessages({ stdin, shown, onInterrupt }: LinesOptions): MessageLines {
  const terminal = stdin.isTTY === true
  const input = terminal ? pasteInput(stdin) : stdin
  const reader = createInterface({ input, output: shown, historySize: 200, terminal })
  // Piped input may hold many lines at once: they wait here while an answer is generated.
  const lines = reader[Symbol.asyncIterator]()
  let begun = ''
  let closed = false
  let asked = ''
  const show = (): void => {
    if (closed) return
    reader.setPrompt(begun === '' ? asked : '… ')
    reader.prompt()
  }
  reader.once('close', () => {
    closed = true
    if (!terminal) return
    shown.write(pasteMarks.off)
    // `pipe` keeps standard input open, and with it the process.
    stdin.unpipe()
    stdin.pause()
  })
  reader.on('SIGINT', () => {
    if (begun === '' && reader.line === '') {
      onInterrupt()
      return
    }
    begun = ''
    clearLine(reader)
    shown.write('^C\n')
    show()
  })
  if (terminal) shown.write(pasteMarks.on)
  return {
    async next() {
      for (;;) {
        const line = await lines.next()
        if (line.done === true) return null
        if (!terminal) return line.value
        const whole = begun + withLineBreaks(line.value)
        begun = whole.endsWith('\\') ? `${whole.slice(0, -1)}\n` : ''
        if (begun === '') return whole
        show()
      }
    },
    prompt(text) {
      asked = text
      show()
    },
    close: () => reader.close(),
  }
}

/** Removes what stands before and behind the cursor. */
function clearLine(reader: Interface): void {
  reader.write(null, { ctrl: true, name: 'e' })
  reader.write(null, { ctrl: true, name: 'u' })
}
