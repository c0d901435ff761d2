import type { Clock, Logger, Random } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { WireFormat } from '@shoal/protocol'
import { createCoordinator } from '@shoal/session'
import type { AuditDesk } from '../audit/audit-desk.ts'
import type { Reputation } from '../trust/reputation.ts'
import type { SwarmView } from '../view/swarm-view.ts'
import type { DraftModel } from './drafting/draft-model.ts'
import { createEngine, type EngineSession } from './engine.ts'
import { createSessionOpener } from './opening/session-opener.ts'
import { withSpare } from './opening/with-spare.ts'
import type { Prompt } from './prefix/prefix-routes.ts'
import { timeCoordinatorWork } from './time-coordinator-work.ts'
import type { ConstraintDependencies } from './constrained/constraint.ts'
import { inScope, type Scope } from '../scope.ts'
import type { VocabularySource } from '../vocabulary/vocabulary.ts'
import type { Engine } from '../types.ts'
import type { SamplingOptions, Tokenizer } from '@shoal/model'

export interface CoordinateDependencies extends Pick<ConstraintDependencies, 'openMatchers'> {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly routes: Pick<SwarmView, 'find' | 'serving' | 'predictTokenMs'>
  /** Embedding and head; released when the engine is closed, or could not be opened. */
  readonly vocabulary: VocabularySource
  /** What this peer has seen of others: stages with a bad reputation are avoided. Empty by default. */
  readonly reputation?: Reputation | undefined
  /** Receives the receipts of all sessions and audits some of them; when absent, nothing is audited. */
  readonly audits?: AuditDesk | undefined
  /** Whether tokens are drafted ahead where that pays; true when absent. */
  readonly speculates?: boolean | undefined
  /** Whether every answer has a hot spare: a second route that gets the same rows. */
  readonly spare?: boolean | undefined
  /** Proposes tokens where the text repeats nothing; absent without `--draft`. */
  readonly draft?: DraftModel | undefined
  /** How hidden states travel; unchanged, as float32, when absent. */
  readonly wire?: WireFormat | undefined
  readonly tokenizer: Tokenizer | null
  readonly defaultSampling: SamplingOptions
  /**
   * How long an answer waits for a peer to take over blocks that nobody holds any more; the session's default when
   * absent.
   */
  readonly replacementWaitMs?: number | undefined
}

/** An engine over a swarm: blocks along routes of peers, embedding and head from `vocabulary`. */
export function coordinate(dependencies: CoordinateDependencies): Promise<Engine> {
  return inScope((scope) => open(dependencies, scope))
}

async function open(dependencies: CoordinateDependencies, scope: Scope): Promise<Engine> {
  const { manifest, vocabulary } = dependencies
  const { config } = manifest.manifest
  scope.onClose(() => vocabulary.release())
  const { embedding, head } = vocabulary.for(0)
  // The timed tokens are greedy: of a peer, one logit comes for each.
  const timed = vocabulary.for(1)
  const ownMs = await timeCoordinatorWork(dependencies.clock, timed.embedding, timed.head)
  const { replacementWaitMs, audits } = dependencies
  const coordinator = createCoordinator(dependencies, {
    ...(replacementWaitMs !== undefined && { times: { replacementWaitMs } }),
    ...(audits !== undefined && { onReceipt: (peer, receipt) => audits.receive(peer, receipt) }),
  })
  audits?.attach(coordinator)
  scope.onClose(() => coordinator.close())
  const openSession = createSessionOpener(dependencies, coordinator)

  return createEngine({
    ...dependencies,
    embedding,
    head,
    vocabularyFor: (best) => vocabulary.for(best),
    speculates: dependencies.speculates ?? true,
    async openSession(tokenBudget, signal, prompt) {
      const over = (given?: Prompt, without?: ReadonlySet<string>): Promise<EngineSession> =>
        openSession(config.blockCount, tokenBudget, signal, given, without)
      const session = await over(
        prompt === undefined ? undefined : { ...prompt, embed: (ids) => embedding.lookup(ids) },
      )
      if (dependencies.spare !== true) return session
      const open = (without: ReadonlySet<string>): Promise<EngineSession> => over(undefined, without)
      const { hiddenSize } = config
      return withSpare({ ...dependencies, embedding, hiddenSize, open }, session, prompt?.ids ?? [])
    },
    openPartialSession: openSession,
    predictTokenMs(route, past) {
      const routeMs = dependencies.routes.predictTokenMs(route, past)
      return routeMs === null ? null : routeMs + ownMs
    },
    close: () => scope.close(),
  })
}
