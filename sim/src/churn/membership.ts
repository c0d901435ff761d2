import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { quantile } from '../bench/report.ts'

/** What one seed came to: a line of the planner's churn program. */
interface ChurnLine {
  readonly seed: number
  readonly traceHash: string
  readonly violations: readonly string[]
  readonly acts: Readonly<Record<string, number>>
  readonly convergedMs: number
  readonly documentBytes: number
}

/** Counts over all seeds. */
export interface ChurnReport {
  readonly seeds: number
  readonly failed: readonly { readonly seed: number; readonly violations: readonly string[]; readonly repeat: string }[]
  readonly acts: Readonly<Record<string, number>>
  readonly convergedMsP50: number
  readonly convergedMsP99: number
  readonly convergedMsMax: number
  readonly documentBytesMax: number
}

const program = fileURLToPath(new URL('../../../packages/planner/src/churn/program.ts', import.meta.url))

/** Membership and planner alone, 16 peers, one seed after the other in a process of their own. */
export async function churnMembership(first: number, seeds: number, report: (line: string) => void): Promise<ChurnReport> {
  const lines: ChurnLine[] = []
  const child = spawn(process.execPath, [program, String(first), String(seeds)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = (): void => void child.kill()
  process.once('exit', end)
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as ChurnLine
    lines.push(line)
    for (const violation of line.violations) report(`seed ${line.seed}: ${violation}`)
    if (lines.length % 50 === 0) report(`${lines.length} of ${seeds} seeds`)
  }
  const code = await ended
  process.off('exit', end)
  if (lines.length < seeds) throw new Error(`churn ended with ${code} after ${lines.length} of ${seeds} seeds`)
  return countUp(lines)
}

export function countUp(lines: readonly ChurnLine[]): ChurnReport {
  const acts: Record<string, number> = {}
  for (const line of lines) for (const [act, count] of Object.entries(line.acts)) acts[act] = (acts[act] ?? 0) + count
  const converged = lines.map(({ convergedMs }) => convergedMs)
  return {
    seeds: lines.length,
    failed: lines.filter(({ violations }) => violations.length > 0).map(({ seed, violations }) => ({ seed, violations, repeat: `npm run chaos -- membership --seeds 1 --from ${seed}` })),
    acts,
    convergedMsP50: quantile(converged, 0.5),
    convergedMsP99: quantile(converged, 0.99),
    convergedMsMax: Math.max(...converged),
    documentBytesMax: Math.max(...lines.map(({ documentBytes }) => documentBytes)),
  }
}
