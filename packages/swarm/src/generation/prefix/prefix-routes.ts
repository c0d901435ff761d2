import type { RoutePrefix, Route, RouteSession } from '@shoal/session'
import { swarmLimits } from '../../limits.ts'
import type { Reputation } from '../../trust/reputation.ts'
import type { SwarmView } from '../../view/swarm-view.ts'
import { PrefixMemory, type CommonPrefix } from './prefix-memory.ts'

/** What a session is to begin with. */
export interface Prompt {
  readonly ids: readonly number[]
  /** Whose prompt it is: it shares rows with earlier ones of the same owner only. */
  readonly owner: string
  /** @returns what enters the first block: float32 `[ids.length, hiddenSize]` */
  embed(ids: readonly number[]): Promise<Float32Array>
}

/** A session of which later ones may take rows over, when it was opened with a prompt. */
export interface ReusableSession extends RouteSession {
  /** Notes the tokens of the session's first positions. */
  remember?(ids: readonly number[]): void
}

/** Chooses routes over stages that have the beginning of a prompt already. */
export class PrefixRoutes {
  readonly #routes: Pick<SwarmView, 'find' | 'serving'>
  readonly #reputation: Pick<Reputation, 'avoidedStages'>
  readonly #memory = new PrefixMemory()

  constructor(routes: Pick<SwarmView, 'find' | 'serving'>, reputation: Pick<Reputation, 'avoidedStages'>) {
    this.#routes = routes
    this.#reputation = reputation
  }

  /** @param best route for a session that begins empty @returns the route for this prompt */
  async choose(
    prompt: Prompt | undefined,
    best: Route,
    tokenBudget: number,
  ): Promise<{ readonly route: Route; readonly common: CommonPrefix | null }> {
    const common = prompt === undefined ? null : this.#memory.find(prompt.ids, prompt.owner)
    if (prompt === undefined || common === null || isAlong(best, common)) return { route: best, common }
    const holders = await this.#holdersOf(common, tokenBudget)
    const rows = prompt.ids.length
    const answer = Math.min(tokenBudget - rows, swarmLimits.prefixAnswerTokens)
    return holders !== null && answerMs(holders, rows - common.length, answer) < answerMs(best, rows, answer)
      ? { route: holders, common }
      : { route: best, common: null }
  }

  /** What a session along this route begins with; undefined when its stages do not have it. */
  async prefix(
    prompt: Prompt | undefined,
    common: CommonPrefix | null,
    route: Route,
  ): Promise<RoutePrefix | undefined> {
    if (prompt === undefined || common === null || !isAlong(route, common)) return undefined
    return { session: common.session, rows: await prompt.embed(prompt.ids.slice(0, common.length)) }
  }

  /** A session was opened; what its stages did not have any more is forgotten. */
  opened(id: string, owner: string, session: RouteSession, asked: RoutePrefix | undefined): ReusableSession {
    if (asked !== undefined && session.reused === 0) this.#memory.forget(asked.session)
    const remember = (ids: readonly number[]): void =>
      this.#memory.remember(id, owner, ids.slice(0, session.certain), session.route())
    return Object.create(session, { remember: { value: remember } }) as ReusableSession
  }

  /** The route of the earlier session; null when one of its peers does not serve these blocks any more. */
  async #holdersOf({ holders }: CommonPrefix, tokenBudget: number): Promise<Route | null> {
    const avoided = this.#reputation.avoidedStages()
    const serving = this.#routes.serving()
    const stages = await Promise.all(
      holders.map(async ({ peer, start, end }) => {
        if (avoided.has(peer) || !serving.includes(peer)) return null
        const others = new Set(serving.filter((other) => other !== peer))
        const found = await this.#routes.find({ start, end }, others, tokenBudget).catch(() => null)
        return found?.length === 1 ? found[0]! : null
      }),
    )
    const route = stages.filter((stage) => stage !== null)
    return route.length === holders.length ? route : null
  }
}

function isAlong(route: Route, { holders }: CommonPrefix): boolean {
  return (
    route.length === holders.length &&
    route.every(({ peer, range }, index) => {
      const holder = holders[index]!
      return peer === holder.peer && range.start === holder.start && range.end === holder.end
    })
  )
}

/** Predicted time of an answer. */
function answerMs(route: Route, promptRows: number, tokens: number): number {
  return route.reduce(
    (sum, stage) => sum + stage.predictedStepMs(Math.max(2, promptRows)) + tokens * stage.predictedStepMs(1),
    0,
  )
}
