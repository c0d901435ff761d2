import { ShoalError, type MemoryBudget } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { Device } from '@shoal/runtime'
import type { Scope } from '../scope.ts'
import type { ModelStore } from '../weights/model-store.ts'
import { serveVocabulary, type ServeVocabularyDependencies } from './serve-vocabulary.ts'
import { servedVocabulary, type VocabularySource } from './vocabulary.ts'

export interface ThinClientsDependencies extends Omit<ServeVocabularyDependencies, 'open' | 'config'> {
  readonly manifest: IdentifiedManifest
  readonly store: Pick<ModelStore, 'ensureUnits'>
  readonly device: Pick<Device, 'loadEmbedding' | 'loadHead'>
  readonly memory: MemoryBudget
}

/** Computes embedding and head for clients of thin placement; both are loaded when the first one asks. */
export function serveThinClients(dependencies: ThinClientsDependencies, scope: Scope): void {
  const { manifest, store, device, memory } = dependencies
  const closing = new AbortController()
  let opened: Promise<VocabularySource> | null = null
  const open = async (): Promise<VocabularySource> => {
    await store.ensureUnits(['embed', 'head'], closing.signal)
    return servedVocabulary(device, manifest.manifest, memory)
  }
  scope.onClose(async () => {
    closing.abort(new ShoalError('cancelled', 'this node is closing'))
    const source = await opened?.catch(() => null)
    await source?.release()
  })
  serveVocabulary({
    ...dependencies,
    config: manifest.manifest.config,
    async open() {
      closing.signal.throwIfAborted()
      opened ??= open().catch((error: unknown) => {
        // The next request tries again: there may be room then.
        opened = null
        throw error
      })
      return (await opened).for(0)
    },
  })
}
