import { messageOf, timeLimit, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import {
  decodeEvidenceFrame,
  encodeEvidenceFrame,
  protocols,
  type Evidence,
  type Receipt,
} from '@shoal/protocol'
import { swarmLimits } from '../limits.ts'
import { auditLimits } from './limits.ts'
import { arbitersAreThose, convict, evidenceId } from './verdict.ts'

export interface EvidenceExchangeDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly manifestId: string
  /** Members: evidence is passed on to them, and counts against nobody else. */
  members(): readonly string[]
  /** Peers that hold these blocks in this class, by this peer's own view: arbiters must be among them. */
  holders(guilty: Receipt): readonly string[]
  /** Called once for each piece of evidence that convicts a peer. */
  convicted(guilty: Receipt, evidence: Evidence): void
  /** Called when the peer has sent evidence that convicts nobody. Honest peers pass on only what they have checked. */
  misbehaved(peer: string): void
}

/** Receives evidence, checks it, acts on it and passes it on to all connected members, each piece once. */
export class EvidenceExchange {
  readonly #options: EvidenceExchangeDependencies
  /** Ids of evidence that has been checked and counts, oldest first. */
  readonly #known = new Map<string, Evidence>()
  /** Times of the newest pieces from each peer. */
  readonly #paces = new Map<string, number[]>()

  constructor(options: EvidenceExchangeDependencies) {
    this.#options = options
    options.transport.handle(protocols.audit, (channel) => {
      channel.onFrame(async (frame) => {
        if (!this.#mayCome(channel.remotePeer)) throw new ShoalError('limit-exceeded', 'too much evidence')
        const evidence = decodeEvidenceFrame(frame)
        if (!this.#known.has(evidenceId(evidence)) && !(await this.take(evidence, channel.remotePeer)))
          options.misbehaved(channel.remotePeer)
      })
    })
  }

  /** The evidence that counts, newest last. */
  list(): readonly Evidence[] {
    return [...this.#known.values()]
  }

  /**
   * Checks evidence and acts on it.
   * @param from the peer that sent it; null when it is this peer's own
   * @returns whether it convicts somebody
   */
  async take(evidence: Evidence, from: string | null): Promise<boolean> {
    const { transport, logger, manifestId } = this.#options
    const conviction = await convict(evidence, (peer, bytes, signature) =>
      transport.verify(peer, bytes, signature),
    )
    if (conviction === null || conviction.guilty.manifest !== manifestId) return false
    const { guilty, arbiters } = conviction
    if (!arbitersAreThose(evidence, arbiters, this.#options.holders(guilty), auditLimits.arbitersTaken)) {
      // Views of who is there differ for a while: the sender need not be wrong.
      logger.warn('evidence-undecided', { peer: guilty.peer, arbiters })
      return true
    }
    // Keys that never were members could otherwise convict themselves by the thousand, which everybody would check, keep and
    // pass on in the place of evidence that counts.
    if (!this.#options.members().includes(guilty.peer)) return true
    const id = evidenceId(evidence)
    if (this.#known.has(id)) return true
    this.#known.set(id, evidence)
    const [oldest] = this.#known.keys()
    if (this.#known.size > auditLimits.evidence && oldest !== undefined) this.#known.delete(oldest)
    logger.warn('peer-convicted', {
      peer: guilty.peer,
      kind: evidence.kind,
      blocks: [guilty.start, guilty.end],
    })
    this.#options.convicted(guilty, evidence)
    this.#passOn(evidence, [from, guilty.peer])
    return true
  }

  #passOn(evidence: Evidence, except: readonly (string | null)[]): void {
    const { transport } = this.#options
    const known = new Set(this.#options.members())
    for (const peer of transport.connected())
      if (known.has(peer) && !except.includes(peer)) void this.#send(peer, evidence)
  }

  async #send(peer: string, evidence: Evidence): Promise<void> {
    const { transport, clock, logger } = this.#options
    const limit = timeLimit(
      clock,
      swarmLimits.dialTimeoutMs,
      () => new ShoalError('deadline-passed', `${peer} does not take evidence`),
    )
    try {
      const channel = await transport.open(peer, protocols.audit, { signal: limit.signal })
      await channel.send(...encodeEvidenceFrame(evidence))
      await channel.close()
    } catch (error) {
      logger.info('evidence-not-sent', { peer, reason: messageOf(error) })
    } finally {
      limit.clear()
    }
  }

  #mayCome(peer: string): boolean {
    const nowMs = this.#options.clock.nowMs()
    const recent = (this.#paces.get(peer) ?? []).filter((atMs) => nowMs - atMs < 60_000)
    this.#paces.delete(peer)
    this.#paces.set(peer, [...recent, nowMs])
    const [oldest] = this.#paces.keys()
    if (this.#paces.size > auditLimits.senders && oldest !== undefined) this.#paces.delete(oldest)
    return recent.length < auditLimits.evidencePerMinute
  }
}
