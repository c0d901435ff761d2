import type { SystemDependencies } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { Scope } from '../../scope.ts'
import type { EngineAtFirstUseDependencies } from '../engine-at-first-use.ts'
import { openDraftModel, type DraftModelOptions } from './draft-model.ts'

const noDrafts = 'none'

export interface DraftOptions extends Omit<DraftModelOptions, 'model'> {
  /**
   * REF of a small model with the same tokenizer, which proposes tokens. They are checked, so that the answer is the same.
   * `none`: nothing is drafted, not from the text itself either.
   */
  readonly draft?: string | undefined
}

/** Whether the answers of a peer are drafted, and the draft model, which is opened at first use. `scope` closes it. */
export function draftsOf(
  dependencies: SystemDependencies,
  { draft, dataFolder, signal }: DraftOptions,
  target: IdentifiedManifest,
  scope: Scope,
): Pick<EngineAtFirstUseDependencies, 'speculates' | 'draft'> {
  if (draft === undefined || draft === noDrafts) return { speculates: draft !== noDrafts }
  return { draft: () => openDraftModel(dependencies, { model: draft, dataFolder, signal }, target, scope) }
}
