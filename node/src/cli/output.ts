/** Where results go: text for people, or JSON lines for programs. Logs and bars are on stderr in both cases. */
export interface Output {
  readonly json: boolean
  /** Text as it comes; nothing under `--json`. */
  write(text: string): void
  line(text: string): void
  /** The one object of a command: the last line of stdout under `--json`, nothing otherwise. */
  result(value: object): void
  /** One of several objects of a long-running command. */
  event(value: object): void
}

export function createOutput(json: boolean, stdout: NodeJS.WritableStream): Output {
  const object = (value: object): void => {
    if (json) stdout.write(`${JSON.stringify(value)}\n`)
  }
  const write = (text: string): void => {
    if (!json) stdout.write(text)
  }
  return { json, write, line: (text) => write(`${text}\n`), result: object, event: object }
}
