import { printableLines } from '@shoal/host'

/** Where results go: text for people, or JSON lines for programs. Logs and progress bars go to stderr in both cases. */
export interface Output {
  readonly json: boolean
  /** Writes text as it is generated; writes nothing under `--json`. */
  write(text: string): void
  line(text: string): void
  /** Prints a command's one result object as the last line of stdout; only under `--json`. */
  result(value: object): void
  /** Prints one of the several objects of a long-running command; only under `--json`. */
  event(value: object): void
}

/** What `createOutput` needs of standard output. */
export type OutputStream = Pick<NodeJS.WritableStream, 'write'> & { readonly isTTY?: boolean }

export function createOutput(json: boolean, stdout: OutputStream): Output {
  const object = (value: object): void => {
    if (json) stdout.write(`${JSON.stringify(value)}\n`)
  }
  const write = (text: string): void => {
    if (!json) stdout.write(stdout.isTTY === true ? forTerminal(text) : text)
  }
  return { json, write, line: (text) => write(`${text}\n`), result: object, event: object }
}

/** Colours and emphasis (SGR), which this program itself writes. */
// oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
const styles = /(\u001b\[[0-9;]*m)/

/**
 * A terminal obeys what it is sent: a model's answer, or a name that a peer has chosen, could clear the screen, set the
 * title or fill the clipboard. Styles pass; other control characters become visible escapes.
 */
function forTerminal(text: string): string {
  // Every second part is a style.
  return text
    .split(styles)
    .map((part, index) => (index % 2 === 1 ? part : printableLines(part)))
    .join('')
}
