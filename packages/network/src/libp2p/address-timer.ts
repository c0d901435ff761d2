import { isFunction, isObject } from './speed-ups/report.ts'

/**
 * Cancels the timer with which a stopped libp2p node would tell its own peer store, a second later, that it listens
 * nowhere any more: nobody reads that, and a process would stay a second longer for it. A libp2p that is built in
 * another way only keeps its timer.
 */
export function stopAddressTimer(node: unknown): void {
  const components: unknown = isObject(node) ? node['components'] : undefined
  const addresses: unknown = isObject(components) ? components['addressManager'] : undefined
  const update: unknown = isObject(addresses) ? addresses['_updatePeerStoreAddresses'] : undefined
  if (!isFunction(update) || !('stop' in update)) return
  const { stop } = update
  if (isFunction(stop)) stop()
}
