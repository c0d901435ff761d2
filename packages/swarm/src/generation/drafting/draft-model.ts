import { randomHex, ShoalError, type SystemDependencies } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import { createLocalSession, type HiddenSession } from '@shoal/session'
import type { Scope } from '../../scope.ts'
import { openLocalModel } from '../local-engine.ts'

/** A small model in this process that proposes tokens of a larger one. */
export interface DraftModel {
  readonly contextLength: number
  readonly embedding: EmbeddingTable
  readonly head: HeadRunner
  /** All blocks for one answer. */
  open(tokenBudget: number): Promise<HiddenSession>
}

export interface DraftModelOptions {
  /** REF of the draft model. */
  readonly model: string
  readonly dataFolder: string
  readonly signal?: AbortSignal | undefined
}

/** A draft model is small: its rounding would cost more accepted drafts than its bytes cost time. */
const draftWeights = 'int8:32'

/**
 * Loads a draft model. `scope` closes it.
 * @param target the model whose tokens it is to propose
 * @throws {ShoalError} `bad-request` for a model with another vocabulary; whatever prevents that it is opened
 */
export async function openDraftModel(
  dependencies: SystemDependencies,
  { model, dataFolder, signal }: DraftModelOptions,
  target: IdentifiedManifest,
  scope: Scope,
): Promise<DraftModel> {
  const local = { model, dataFolder, signal, weights: draftWeights, threads: 1 }
  const { manifest, runners, embedding, head } = await openLocalModel(dependencies, local, scope)
  checkVocabulary(model, manifest, target)
  return {
    contextLength: manifest.manifest.config.contextLength,
    embedding,
    head,
    open: (tokenBudget) =>
      createLocalSession(runners, { session: randomHex(dependencies.random, 16), tokenBudget }),
  }
}

/** Drafts are token ids, so both models must mean the same by them. */
function checkVocabulary(
  ref: string,
  { manifest: draft }: IdentifiedManifest,
  { manifest: target }: IdentifiedManifest,
): void {
  const [own, wanted] = [draft, target].map(({ config }) => config.vocabularySize)
  if (own !== wanted)
    throw new ShoalError(
      'bad-request',
      `the draft model ${ref} has ${own} tokens and ${target.name} has ${wanted}: choose a draft model with the same tokenizer`,
    )
  const [tokenizer, other] = [draft, target].map(({ assets }) =>
    assets.find(({ name }) => name === 'tokenizer.json' || name === 'tokenizer.model'),
  )
  if (tokenizer?.sha256 !== other?.sha256)
    throw new ShoalError(
      'bad-request',
      `the draft model ${ref} has another tokenizer than ${target.name}: choose one with the same tokenizer file`,
    )
}
