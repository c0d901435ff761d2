import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './source.ts'

/** A function with more lines than the rule allows. */
export interface LongFunction {
  readonly path: string
  readonly name: string
  readonly lines: number
}

/** The fields of a finding in oxlint's JSON that are read here. */
interface Diagnostic {
  readonly message: string
  readonly filename: string
  readonly labels: readonly { readonly span: { readonly offset: number } }[]
}

/** Functions of more than 70 lines, blank lines and comments counted, in the whole repository, tests included. */
export function findLongFunctions(): LongFunction[] {
  const config = join(root, 'test', 'tidy', 'function-length.json')
  const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint')
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '-c', config, '--format', 'json', '.'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  // The exit status is 1 when there are findings, so that only unreadable output shows a failure of oxlint.
  if (!stdout.includes('"diagnostics"')) throw new Error(`oxlint printed no report: ${stdout}${stderr}`)
  return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics.map((diagnostic) => {
    const text = readFileSync(join(root, diagnostic.filename))
    // Offsets count bytes of UTF-8, not characters.
    const offset = diagnostic.labels[0]?.span.offset ?? 0
    const lines = /too many lines \((\d+)\)/.exec(diagnostic.message)?.[1]
    if (lines === undefined)
      throw new Error(`oxlint cannot read ${diagnostic.filename}: ${diagnostic.message}`)
    return {
      path: diagnostic.filename.replaceAll('\\', '/'),
      name: functionName(text.toString('utf8', 0, offset), text.toString('utf8', offset)),
      lines: Number(lines),
    }
  })
}

/** Name of the function that starts between two texts: its own, or that of the variable, property or call that receives it. */
export function functionName(before: string, after: string): string {
  return (
    /^(?:async\s+)?function\s*\*?\s*(\w+)/.exec(after)?.[1] ??
    /\b(?:const|let)\s+(\w+)\s*(?::[^=]*)?=\s*(?:async\s*)?$/.exec(before)?.[1] ??
    /^(?:async\s+)?\*?(\w+)\s*\([^)]*\)[^=]*?\{/.exec(after)?.[1] ??
    /(\w+)\s*[:=(]\s*(?:async\s*)?$/.exec(before)?.[1] ??
    /(\w+)\W*$/.exec(before)?.[1] ??
    'anonymous'
  )
}
