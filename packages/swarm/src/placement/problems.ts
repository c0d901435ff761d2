import { messageOf, type Logger } from '@shoal/host'
import { memberLimits, type Membership } from '@shoal/membership'
import type { BlockRange } from '@shoal/model'
import type { SwarmEvent } from '../types.ts'

/** Tells the log, the program and the other peers what keeps this node from doing what the plan wants of it. */
export interface Problems {
  /** What the whole machine lacks, as a sentence; empty when it lacks nothing any more. */
  machine(lack: string): void
  /** Tells what makes this node slow, as a sentence, for as long as it runs. */
  slow(reason: string): void
  loadingFailed(span: BlockRange, reason: string): void
  /** Reports that a span that was served can no longer be computed, and will be loaded again. */
  lost(span: BlockRange, reason: unknown): void
  /** Reports that the node holds what the plan wants, or that the plan wants nothing of it. */
  solved(): void
}

export function createProblems(dependencies: {
  readonly logger: Logger
  readonly membership: Pick<Membership, 'announce'>
  readonly onEvent: (event: SwarmEvent) => void
}): Problems {
  const { logger, membership, onEvent } = dependencies
  let said = ''
  let [lack, blocks, slow] = ['', '', '']
  const say = (): void => {
    const problem = [lack, blocks, slow]
      .filter((part) => part !== '')
      .join('; ')
      .slice(0, memberLimits.maxProblemLength)
    if (problem === said) return
    said = problem
    membership
      .announce({ problem })
      .catch((error: unknown) => logger.warn('member-record-failed', { reason: messageOf(error) }))
  }
  return {
    machine(now) {
      if (now !== lack) logger.warn('machine-lacks', { lack: now === '' ? 'nothing any more' : now })
      lack = now
      say()
    },
    slow(reason) {
      logger.warn('node-is-slow', { reason })
      slow = reason
      say()
    },
    loadingFailed({ start, end }, reason) {
      logger.error('span-loading-failed', { start, end, reason })
      onEvent({ event: 'span-loading-failed', blocks: [start, end], reason })
      blocks = `blocks ${start} to ${end - 1} cannot be loaded: ${withoutPaths(reason)}`
      say()
    },
    lost({ start, end }, reason) {
      const why = reason === undefined ? 'it can no longer be computed' : messageOf(reason)
      logger.warn('span-lost', { start, end, reason: why })
      blocks = `blocks ${start} to ${end - 1} are loaded again: ${withoutPaths(why)}`
      say()
    },
    solved() {
      blocks = ''
      say()
    },
  }
}

/**
 * A path in a text: of Windows with its drive, whose folders may have spaces in their names (`C:\Users\Ada Byron`), or
 * any other up to a space.
 */
const anyPath = /(?<![\w.])(?:[A-Za-z]:[\\/](?:[^'",;:*?<>|\n]*\\)?|[\\/])[^\s'",;]+/g

/** Hides paths: other peers need not know the names of this machine's folders. */
export function withoutPaths(text: string): string {
  return text.replaceAll(anyPath, '…')
}
