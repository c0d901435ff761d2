import { z } from 'zod'
import { fileIssue } from '../cli/file-issue.ts'
import { readUserFile } from '../cli/user-file.ts'
import { ShoalError, sleep, type Clock } from '@shoal/host'
import type { LocalSwarm } from '../local-swarm.ts'
import type { NodeEvent } from '../node-process.ts'

const signals = { kill: 'SIGKILL', stop: 'SIGSTOP', cont: 'SIGCONT', leave: 'SIGTERM' } as const

const step = z.strictObject({
  /** Waits for the next event of this name (as in `shoal up --json`) from any node. */
  after: z.string().optional(),
  /** Further wait in milliseconds. */
  waitMs: z.number().min(0).max(86_400_000).default(0),
  do: z.enum(['kill', 'stop', 'cont', 'leave', 'restart']),
  node: z.string(),
})
const script = z.array(step).max(10_000)

/** Steps that are applied to a swarm one after the other. */
export type SwarmScript = z.infer<typeof script>

/**
 * Reads `--script FILE`: `[{ "after": "session-opened", "waitMs": 500, "do": "kill", "node": "weak-2" }, …]`.
 * @param names of the swarm's nodes
 * @throws {ShoalError} `bad-request` naming the field, also for `stop` and `cont` on Windows; `not-found` without the file
 */
export function readScript(
  path: string,
  names: readonly string[],
  platform: NodeJS.Platform = process.platform,
): SwarmScript {
  let json: unknown
  try {
    json = JSON.parse(readUserFile(path))
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new ShoalError('bad-request', `the script ${path} is not JSON`, { cause: error })
    throw new ShoalError('not-found', `the script ${path} cannot be read`, { cause: error })
  }
  const result = script.safeParse(json)
  if (!result.success) {
    throw new ShoalError('bad-request', `the script ${path}: ${fileIssue(result.error.issues, json)}`)
  }
  const stranger = result.data.find(({ node }) => !names.includes(node))
  if (stranger !== undefined)
    throw new ShoalError(
      'bad-request',
      `the script ${path} names '${stranger.node}'; the nodes are: ${names.join(', ')}`,
    )
  const halting = result.data.find((one) => one.do === 'stop' || one.do === 'cont')
  if (platform === 'win32' && halting !== undefined)
    throw new ShoalError(
      'bad-request',
      `the script ${path} has the step '${halting.do}', and Windows cannot halt a process; use 'kill' and 'restart'`,
    )
  return result.data
}

export interface ScriptDependencies {
  readonly clock: Clock
  readonly swarm: Pick<LocalSwarm, 'signal' | 'restart'>
  /** Resolves at the next event that matches. */
  readonly nextEvent: (fits: (event: NodeEvent) => boolean, signal: AbortSignal) => Promise<void>
  readonly onStep: (step: SwarmScript[number]) => void
}

export async function runScript(
  { clock, swarm, nextEvent, onStep }: ScriptDependencies,
  steps: SwarmScript,
  signal: AbortSignal,
): Promise<void> {
  for (const one of steps) {
    if (one.after !== undefined) await nextEvent(({ event }) => event === one.after, signal)
    if (one.waitMs > 0) await sleep(clock, one.waitMs, signal)
    onStep(one)
    if (one.do === 'restart') await swarm.restart(one.node)
    else swarm.signal(one.node, signals[one.do])
  }
}
