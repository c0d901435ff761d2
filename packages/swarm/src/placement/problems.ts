import { messageOf, type Logger } from '@shoal/host'
import { memberLimits, type Membership } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import type { SwarmEvent } from '../types.ts'

/** Tells the log, the program and the other peers why this node cannot load the blocks that it is to serve. */
export interface Problems {
  loadingFailed(span: BlockRange, reason: string): void
  /** A span that was served can be computed no more, and will be loaded again. */
  lost(span: BlockRange, reason: unknown): void
  /** The node holds what the plan wants, or the plan wants nothing of it. */
  solved(): void
}

export function createProblems(dependencies: {
  readonly logger: Logger
  readonly membership: Pick<Membership, 'announce'>
  readonly onEvent: (event: SwarmEvent) => void
}): Problems {
  const { logger, membership, onEvent } = dependencies
  let said = ''
  const say = (problem: string): void => {
    if (problem === said) return
    said = problem
    membership
      .announce({ problem })
      .catch((error: unknown) => logger.warn('member-record-failed', { reason: messageOf(error) }))
  }
  return {
    loadingFailed({ start, end }, reason) {
      logger.error('span-loading-failed', { start, end, reason })
      onEvent({ event: 'span-loading-failed', blocks: [start, end], reason })
      const problem = `blocks ${start} to ${end - 1} cannot be loaded: ${withoutPaths(reason)}`
      say(problem.slice(0, memberLimits.maxProblemLength))
    },
    lost({ start, end }, reason) {
      const why = reason === undefined ? 'it can be computed no more' : messageOf(reason)
      logger.warn('span-lost', { start, end, reason: why })
      const problem = `blocks ${start} to ${end - 1} are loaded again: ${withoutPaths(why)}`
      say(problem.slice(0, memberLimits.maxProblemLength))
    },
    solved: () => say(''),
  }
}

/** Others need not know how this machine's folders are called. */
export function withoutPaths(text: string): string {
  return text.replaceAll(/(?<![\w.])(?:[A-Za-z]:)?[\\/][^\s'",;]+/g, '…')
}
