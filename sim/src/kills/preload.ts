/** Loaded first by `node --import`: whoever asks for `@shoal/network` gets `mortal-network.ts`, which alone gets the real one. */
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const real = import.meta.resolve('@shoal/network')
const mortal = new URL('mortal-network.ts', import.meta.url).href

// Compute threads load this too, and have no network.
if (isMainThread) {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context)
      return resolved.url === real && !fromHere(context.parentURL) ? { ...resolved, url: mortal } : resolved
    },
  })
}

function fromHere(parent: string | undefined): boolean {
  return parent !== undefined && parent.startsWith(new URL('.', import.meta.url).href)
}
