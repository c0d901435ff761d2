import { coordinate, type CoordinateDependencies } from '../coordinate.ts'
import type { Engine } from '../types.ts'
import type { ModelStore } from './model-store.ts'

/** The engine of a peer: most nodes never coordinate, so embedding and head are loaded at first use. */
export function createLazyEngine(dependencies: Omit<CoordinateDependencies, 'tokenizer' | 'defaultSampling'> & { readonly store: ModelStore }): { get(): Promise<Engine>; close(): Promise<void> } {
  const { store } = dependencies
  let opened: Promise<Engine> | null = null

  const open = async (): Promise<Engine> => {
    await store.ensureUnits(['embed', 'head'])
    return coordinate({ ...dependencies, tokenizer: await store.tokenizer(), defaultSampling: await store.defaultSampling() })
  }
  return {
    get() {
      opened ??= open().catch((error: unknown) => {
        // The next call tries again: a peer with the weights may have come.
        opened = null
        throw error
      })
      return opened
    },
    async close() {
      const engine = await opened?.catch(() => null)
      await engine?.close()
    },
  }
}
