import { isFunction, isObject } from './speed-ups/report.ts'

/**
 * Cancels the timer with which a stopped libp2p node updates its own peer store a second later. Nothing reads that update,
 * and the timer would keep the process alive for a second. In a libp2p with other internals the timer just stays.
 */
export function stopAddressTimer(node: unknown): void {
  const components: unknown = isObject(node) ? node['components'] : undefined
  const addresses: unknown = isObject(components) ? components['addressManager'] : undefined
  const update: unknown = isObject(addresses) ? addresses['_updatePeerStoreAddresses'] : undefined
  if (!isFunction(update) || !('stop' in update)) return
  const { stop } = update
  if (isFunction(stop)) stop()
}
