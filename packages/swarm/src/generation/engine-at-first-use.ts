import { createMatchers } from '@shoal/grammar/node'
import { ShoalError } from '@shoal/host'
import type { Device } from '@shoal/runtime'
import { coordinate, type CoordinateDependencies } from './coordinate.ts'
import type { Engine } from '../types.ts'
import type { ModelStore } from '../weights/model-store.ts'
import { ownVocabulary, type VocabularySource } from '../vocabulary/vocabulary.ts'
import type { DraftModel } from './drafting/draft-model.ts'
import { createRunningAnswers, type RunningAnswers } from './running-answers.ts'

export interface EngineAtFirstUseDependencies extends Omit<
  CoordinateDependencies,
  'tokenizer' | 'defaultSampling' | 'vocabulary' | 'draft'
> {
  readonly store: Pick<ModelStore, 'ensureUnits' | 'tokenizer' | 'defaultSampling'>
  /** Computes embedding and head. Called once; whoever opened it closes it. */
  device(): Promise<Device>
  /** Embedding and head of a peer in place of those of the device. */
  readonly thin?: (() => VocabularySource) | undefined
  /** Called once, when the engine is opened; absent where nothing but the text itself is drafted from. */
  readonly draft?: (() => Promise<DraftModel>) | undefined
}

/** The engine of a peer: most nodes never coordinate, so embedding and head are loaded at first use. */
export interface EngineAtFirstUse extends Pick<RunningAnswers, 'drain'> {
  get(): Promise<Engine>
  close(): Promise<void>
}

export function createEngineAtFirstUse(dependencies: EngineAtFirstUseDependencies): EngineAtFirstUse {
  const { store } = dependencies
  const closing = new AbortController()
  const answers = createRunningAnswers()
  let opened: Promise<Engine> | null = null
  let device: Promise<Device> | null = null
  let draft: Promise<DraftModel | undefined> | null = null

  const openDraft = async (): Promise<DraftModel | undefined> => {
    try {
      return await dependencies.draft?.()
    } catch (error) {
      draft = null
      throw error
    }
  }
  const openVocabulary = async (): Promise<VocabularySource> => {
    if (dependencies.thin !== undefined) return dependencies.thin()
    await store.ensureUnits(['embed', 'head'], closing.signal)
    closing.signal.throwIfAborted()
    device ??= dependencies.device()
    return ownVocabulary(await device)
  }
  const open = async (): Promise<Engine> => {
    const { signal } = closing
    const tokenizer = await store.tokenizer(signal)
    const defaultSampling = await store.defaultSampling(signal)
    signal.throwIfAborted()
    draft ??= openDraft()
    const drafts = await draft
    const engine = await coordinate({
      openMatchers: createMatchers,
      ...dependencies,
      vocabulary: await openVocabulary(),
      draft: drafts,
      tokenizer,
      defaultSampling,
    })
    if (signal.aborted) {
      await engine.close()
      signal.throwIfAborted()
    }
    return answers.watch(engine)
  }
  return {
    async get() {
      closing.signal.throwIfAborted()
      opened ??= open().catch((error: unknown) => {
        // The next call tries again: a peer with the weights may have come.
        opened = null
        throw error
      })
      return opened
    },
    drain: (signal) => answers.drain(signal),
    async close() {
      closing.abort(new ShoalError('cancelled', 'this peer is closing'))
      // A failure to open was reported to the caller that asked for the engine.
      const engine = await opened?.catch(() => null)
      await engine?.close()
    },
  }
}
