import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../../packages/planner/src/figures-program.ts', import.meta.url))

/** A cluster as the planner sees it. Times in integer microseconds. */
export interface ClusterView {
  readonly stageMicros: number
  readonly candidates: readonly { readonly capacity: number; readonly blockMicros: number; readonly memoryBytes: number }[]
  /** One decode row from one candidate to another. */
  readonly hops: readonly (readonly number[])[]
}

/** A pipeline: candidates by index in order of their blocks, with so many each. */
export interface Cut {
  readonly order: readonly number[]
  readonly blocks: readonly number[]
}

export interface Pipelines {
  /** Least cost over all ordered subsets and all cuts. */
  readonly bruteForce: number | null
  readonly exact: Cut | null
  readonly search: Cut | null
}

/** The real planner in a process of its own: it sees no clock, so it is timed from here. */
export interface PlannerProcess {
  ask<Answer>(question: object): Promise<Answer>
  close(): void
}

export function startPlanner(): PlannerProcess {
  const child: ChildProcess = fork(program, { serialization: 'advanced' })
  const ended = once(child, 'exit').then(([code]: unknown[]) => {
    throw new Error(`the planner's process ended with ${String(code)}`)
  })
  ended.catch(() => undefined)
  return {
    async ask<Answer>(question: object): Promise<Answer> {
      const answered = once(child, 'message') as Promise<[Answer]>
      child.send(question)
      const [answer] = await Promise.race([answered, ended])
      return answer
    },
    close: () => child.disconnect(),
  }
}
