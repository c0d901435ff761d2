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

export function createOutput(json: boolean, stdout: NodeJS.WritableStream): Output {
  const object = (value: object): void => {
    if (json) stdout.write(`${JSON.stringify(value)}\n`)
  }
  const write = (text: string): void => {
    if (!json) stdout.write(text)
  }
  return { json, write, line: (text) => write(`${text}\n`), result: object, event: object }
}
