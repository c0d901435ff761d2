import { messageOf, ShoalError } from '@shoal/host'
import type { RankLink } from '../rank-link.ts'

/** What a member reports to its leader. */
export interface LeaderAnswers {
  done(request: number, result?: { readonly numericClass?: string; readonly lanes?: boolean }): void
  requestFailed(request: number, error: unknown): void
  callFailed(call: number, error: unknown): void
  /** The whole group has failed at this member. */
  groupFailed(error: unknown): void
  /** Runs an action and answers the request with its outcome. */
  answer(request: number, action: () => Promise<{ readonly lanes?: boolean } | void>): Promise<void>
}

export function createLeaderAnswers(link: RankLink): LeaderAnswers {
  const failed = (request: number | null, call: number | null, error: unknown): void => {
    const { code, definite } = error instanceof ShoalError ? error : { code: 'internal', definite: false }
    link.send({ type: 'group-failed', request, call, code, message: messageOf(error), definite })
  }
  const done: LeaderAnswers['done'] = (request, result = {}) =>
    link.send({ type: 'group-done', request, numericClass: null, ...result })
  return {
    done,
    requestFailed: (request, error) => failed(request, null, error),
    callFailed: (call, error) => failed(null, call, error),
    groupFailed: (error) => failed(null, null, error),
    async answer(request, action) {
      try {
        done(request, (await action()) ?? {})
      } catch (error) {
        failed(request, null, error)
      }
    },
  }
}
