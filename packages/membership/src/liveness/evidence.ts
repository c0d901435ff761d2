import type { Clock } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { MemberRecord } from '../records/record.ts'
import type { Detector } from './detector.ts'

export interface EvidenceDependencies {
  readonly transport: Pick<Transport, 'peerId' | 'learn'>
  readonly clock: Clock
  readonly detector: Pick<Detector, 'get' | 'apply'>
  /**
   * This peer's own key has announced more than this process knows: an earlier life whose number was lost, or a second
   * process.
   */
  readonly onOwnWords: (incarnation: number) => void
  /** A peer's record or its life may have changed. */
  readonly onReview: (peer: string) => void
}

/** What words say about lives: that one may have begun, that its owner has left, or that its owner broke a rule. */
export class Evidence {
  readonly #parts: EvidenceDependencies

  constructor(dependencies: EvidenceDependencies) {
    this.#parts = dependencies
  }

  /** Whether a peer's place may be given to another one. */
  isGone(peer: string): boolean {
    const liveness = this.#parts.detector.get(peer)?.liveness
    return liveness === 'dead' || liveness === 'left'
  }

  learnRecord({ peerId, incarnation, addresses, state }: MemberRecord): void {
    const { transport, clock, detector, onOwnWords, onReview } = this.#parts
    if (peerId === transport.peerId) {
      onOwnWords(incarnation)
      return
    }
    transport.learn(peerId, addresses)
    detector.apply(peerId, {
      type: 'record-seen',
      incarnation,
      left: state === 'left',
      atMs: clock.nowMs(),
    })
    onReview(peerId)
  }

  /** A peer's own words prove a fault: its life is over for everybody who has the proof. */
  learnFault(owner: string, incarnation: number): void {
    const { transport, clock, detector, onOwnWords, onReview } = this.#parts
    if (owner === transport.peerId) {
      onOwnWords(incarnation)
      return
    }
    detector.apply(owner, { type: 'proved-false', incarnation, atMs: clock.nowMs() })
    onReview(owner)
  }
}
