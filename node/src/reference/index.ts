import { createProgram } from '../cli/program.ts'
import { commandsReference } from './commands.ts'
import { httpReference } from './http-api.ts'

/** Pages of the documents that are made from the code: markdown by file name. */
export function referencePages(): ReadonlyMap<string, string> {
  const silent = { out: () => undefined, err: () => undefined }
  return new Map([
    ['commands.md', commandsReference(createProgram(silent))],
    ['http-fields.md', httpReference()],
  ])
}
