import type { Multiaddr } from '@multiformats/multiaddr'
import { messageOf, type Clock } from '@shoal/host'
import { limits } from '../limits.ts'
import type { TriedAddress } from '../transport.ts'
import { refusalIn } from './admission/refusal-text.ts'
import { peerIn } from './address-book.ts'
import { noCommonEncryption, noWay, sentenceOf } from './failures.ts'

/** What the last dial to each address of a peer has found, so that a path can say why it is as it is. */
export class DialReports {
  readonly #clock: Pick<Clock, 'nowMs'>
  /** By peer, those dialled last at the end; then by address. */
  readonly #found = new Map<string, Map<string, { readonly outcome: string; readonly atMs: number }>>()

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
  }

  /** @param error of the dial; undefined when it led to the peer */
  note(address: Multiaddr, error?: unknown): void {
    const peer = peerIn(address)
    if (peer === undefined) return
    const ofPeer = this.#found.get(peer) ?? new Map<string, { outcome: string; atMs: number }>()
    const place = address.toString().replace(`/p2p/${peer}`, '')
    ofPeer.delete(place)
    const outcome = error === undefined ? 'connected' : outcomeOf(error, peer)
    ofPeer.set(place, { outcome, atMs: this.#clock.nowMs() })
    this.#found.delete(peer)
    this.#found.set(peer, ofPeer)
    trim(ofPeer, limits.maxAddresses)
    trim(this.#found, limits.dialReportPeers)
  }

  of(peer: string): readonly TriedAddress[] {
    const nowMs = this.#clock.nowMs()
    return [...(this.#found.get(peer) ?? [])].map(([address, { outcome, atMs }]) => ({
      address,
      outcome,
      secondsAgo: Math.round((nowMs - atMs) / 1000),
    }))
  }
}

/** What a failed dial says of an address, in a few words. */
export function outcomeOf(error: unknown, peer: string, platform: string = process.platform): string {
  const sentence = sentenceOf(error)
  const refused = refusalIn(sentence, peer)
  if (refused !== null) return refused.message.replace(`${peer} does`, 'it does')
  if (sentence.includes(noCommonEncryption)) return 'another swarm is there, or a private one'
  const code = /\bE[A-Z]{4,}\b/.exec(sentence)?.[0]
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED)'
  if (code !== undefined && /UNREACH|HOSTDOWN/.test(code)) return noWay(code, platform)
  if (code === 'ECONNRESET') return 'the connection was reset (ECONNRESET)'
  if (error instanceof Error && /^(TimeoutError|AbortError)$/.test(error.name))
    return 'no answer: a firewall or a router may stand before it'
  if (/unexpected peer|does not match|identity.*mismatch/i.test(sentence)) return 'another peer is there'
  return messageOf(error)
}

function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return
    map.delete(key)
  }
}
