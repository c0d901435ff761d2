/** Loaded by `node --import`: redirects imports of `@shoal/network` to `mortal-network.ts`, except from that file itself. */
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const real = import.meta.resolve('@shoal/network')
const mortal = new URL('mortal-network.ts', import.meta.url).href

// Compute threads load this file too, but not the network.
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
