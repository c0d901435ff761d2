import { messageOf, type Clock, type Logger } from '@shoal/host'
import { createSampler, type IdentifiedManifest } from '@shoal/model'
import {
  CombinedDrafter,
  ModelDrafter,
  SuffixDrafter,
  type Drafter,
  type HiddenSession,
  type Speculation,
} from '@shoal/session'
import type { GenerateRequest } from '../../types.ts'
import type { DraftModel } from './draft-model.ts'

/** The drafts of one answer. */
export interface Drafting {
  /** What `generateTokens` takes; nothing where tokens are not drafted. */
  readonly options: { readonly speculation?: Speculation }
  /** For the answer's result. */
  readonly counts: { readonly drafted: number; readonly accepted: number }
  close(): Promise<void>
}

export interface DraftingDependencies {
  readonly clock: Clock
  readonly manifest: IdentifiedManifest
  readonly logger?: Logger | undefined
  readonly speculates?: boolean | undefined
  readonly draft?: DraftModel | undefined
  /** Answers of this coordinator under way, this one included. */
  readonly answers: () => number
}

/** @param maxTokens of the answer */
export async function createDrafting(
  { clock, manifest, logger, speculates: allowed = false, draft, answers }: DraftingDependencies,
  { promptIds, sampling, drafts = true }: Pick<GenerateRequest, 'promptIds' | 'sampling' | 'drafts'>,
  maxTokens: number,
): Promise<Drafting> {
  const speculates = allowed && drafts
  let counts = { drafted: 0, accepted: 0 }
  let session: HiddenSession | null = null
  let drafter: Drafter = new SuffixDrafter()
  if (speculates && draft !== undefined) {
    try {
      const tokenBudget = Math.min(promptIds.length + maxTokens, draft.contextLength)
      session = await draft.open(tokenBudget)
      // A sampler holds scratch memory, so the drafter has one of its own.
      const sampler = createSampler(sampling, manifest.manifest.config.vocabularySize, promptIds.length)
      const model = new ModelDrafter({ ...draft, session, sampler, tokenBudget })
      drafter = new CombinedDrafter(new SuffixDrafter(), model)
    } catch (error) {
      logger?.warn('draft-model-unavailable', { reason: messageOf(error) })
    }
  }
  const speculation: Speculation = {
    drafter,
    clock,
    answers,
    onCount: (drafted, accepted) => void (counts = { drafted, accepted }),
  }
  return {
    options: speculates ? { speculation } : {},
    get counts() {
      return counts
    },
    close: async () => session?.close(),
  }
}
