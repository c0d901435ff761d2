import type { HiddenSession } from '@shoal/session'
import type { ShownAnswer } from '../types.ts'

/** The answers that an engine is giving, for whoever wants to see which way their tokens take. */
export interface AnswersShown {
  /** @returns what the answer reports: each of its tokens, and its end */
  begin(
    session: Pick<HiddenSession, 'route' | 'failovers' | 'moves'>,
    promptTokens: number,
  ): { token(): void; end(): void }
  /** Number of these answers. */
  readonly size: number
  list(): readonly ShownAnswer[]
}

export function createAnswersShown(): AnswersShown {
  const looks = new Set<() => ShownAnswer>()
  let begun = 0
  return {
    begin(session, promptTokens) {
      const id = (begun += 1)
      let tokens = 0
      const look = (): ShownAnswer => ({
        id,
        promptTokens,
        tokens,
        route: session.route(),
        failovers: session.failovers,
        moves: session.moves,
      })
      looks.add(look)
      return { token: () => void (tokens += 1), end: () => void looks.delete(look) }
    },
    get size() {
      return looks.size
    },
    list: () => [...looks].map((look) => look()),
  }
}
