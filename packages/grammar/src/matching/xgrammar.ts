import { createRequire } from 'node:module'
import type * as XGrammar from '@mlc-ai/web-xgrammar'

/** What a thread uses of the library. */
export type Library = Pick<typeof XGrammar, 'GrammarCompiler' | 'GrammarMatcher' | 'TokenizerInfo'>

interface LibraryScope {
  require?: unknown
  __filename?: string
  __dirname?: string
  xgrammar?: Library
}

const pageBytes = 65_536

/**
 * Loads the library. Its file is a script for CommonJS in a package of ES modules: it takes its globals from the thread
 * and leaves its exports there. Only for a thread of its own.
 * @param memoryBytesMax memory that the library may use; what needs more fails
 */
export async function loadXGrammar(memoryBytesMax: number): Promise<Library> {
  const scope = globalThis as LibraryScope
  scope.require = createRequire(import.meta.url)
  scope.__filename = import.meta.filename
  scope.__dirname = import.meta.dirname
  limitMemory(memoryBytesMax)
  await import('@mlc-ai/web-xgrammar')
  if (scope.xgrammar === undefined) throw new Error('web-xgrammar has left no exports')
  return scope.xgrammar
}

/** Every memory of this thread refuses to grow beyond the bound; the library takes that as memory that ran out. */
function limitMemory(bytesMax: number): void {
  const { prototype } = WebAssembly.Memory
  // oxlint-disable-next-line unbound-method -- called with its own memory below
  const grow = prototype.grow
  prototype.grow = function growWithin(this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength + pages * pageBytes > bytesMax)
      throw new RangeError(`no more than ${bytesMax} bytes of memory are allowed here`)
    return grow.call(this, pages)
  }
}
