import type { Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import { isFunction, isObject } from './speed-ups/report.ts'

/**
 * Lets mDNS ask seldom once this node has a connection. Every node of the network answers every question, to all, so that
 * five idle nodes that asked every ten seconds heard 1.5 kB of answers a second. A newcomer asks for itself, and hears all.
 * In a libp2p with other internals it asks as often as before.
 */
export function quietMdns(service: object, clock: Pick<Clock, 'nowMs'>, isAlone: () => boolean): void {
  if (!isObject(service) || !isFunction(service['start'])) return
  const start = service['start'].bind(service)
  service['start'] = async () => {
    // The first question goes out inside this call.
    await start()
    const sockets = service['mdns']
    if (!isObject(sockets) || !isFunction(sockets['query'])) return
    const query = sockets['query'].bind(sockets)
    let askedMs = clock.nowMs()
    sockets['query'] = (...words: unknown[]): unknown => {
      if (!isAlone() && clock.nowMs() - askedMs < limits.mdnsQueryMs) return undefined
      askedMs = clock.nowMs()
      return query(...words)
    }
  }
}
