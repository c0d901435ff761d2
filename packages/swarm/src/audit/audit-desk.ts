import {
  createSerialQueue,
  messageOf,
  randomHex,
  ShoalError,
  timeLimit,
  type Clock,
  type Logger,
  type Random,
} from '@shoal/host'
import type { Membership } from '@shoal/membership'
import { formatProfile, type BlockRange, type IdentifiedManifest } from '@shoal/model'
import type { Transport } from '@shoal/network'
import { receiptLimits, type Evidence, type Receipt, type SealedReceipt } from '@shoal/protocol'
import { prefill, rowsFrom, type Coordinator, type RouteSession } from '@shoal/session'
import type { Reputation } from '../trust/reputation.ts'
import { Auditor, type AuditStage, type FinishedSession } from './auditor.ts'
import { EvidenceExchange } from './evidence-exchange.ts'
import { auditLimits, auditShares, rowsToAudit } from './limits.ts'
import { ReceiptLedger } from './receipt-ledger.ts'
import type { AuditStatus } from './status.ts'

export interface AuditOptions {
  /** Whether other holders may compute finished sessions again: one more peer then sees each hidden state. */
  readonly reruns: boolean
  /** Share of sessions to audit, in place of the defaults. */
  readonly share?: number | undefined
  /** Whether the swarm's members were invited. */
  readonly invited?: boolean | undefined
}

/** Receipts are kept, and evidence counts; nobody else sees the hidden states of a session. */
export const noReruns: AuditOptions = { reruns: false }

export interface AuditDeskDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly membership: Pick<Membership, 'members'>
  readonly reputation: Reputation
}

/** One peer's part in audits: receipts of its sessions, audits of them, and evidence, its own and that of others. */
export class AuditDesk {
  readonly #dependencies: AuditDeskDependencies
  readonly #options: AuditOptions
  readonly #ledger: ReceiptLedger
  readonly #auditor: Auditor
  readonly #exchange: EvidenceExchange
  readonly #queue = createSerialQueue()
  /** Audits in which each peer's results were right. */
  readonly #right = new Map<string, number>()
  #waiting = 0
  #sessions = 0
  #coordinator: Pick<Coordinator, 'open'> | null = null

  constructor(dependencies: AuditDeskDependencies, options: AuditOptions) {
    const { transport, clock, manifest, membership, reputation } = dependencies
    this.#dependencies = dependencies
    this.#options = options
    this.#ledger = new ReceiptLedger(clock, (peer, bytes, signature) =>
      transport.verify(peer, bytes, signature),
    )
    this.#exchange = new EvidenceExchange({
      ...dependencies,
      manifestId: manifest.id,
      members: () => membership.members().map(({ record }) => record.peerId),
      holders: (guilty) => this.#holders(guilty, guilty.numericClass, true),
      convicted: (guilty) => this.#convicted(guilty),
      misbehaved: (peer) => reputation.neighbours.blame(peer),
    })
    this.#ledger.onContradiction((evidence) => this.#publish(evidence))
    this.#auditor = new Auditor(
      {
        self: transport.peerId,
        holders: (range, numericClass) => this.#holders(range, numericClass, false),
        recompute: (rows, route) => this.#recompute(rows, route),
        convicted: (evidence) => this.#publish(evidence),
        distrusted: (peers) => peers.forEach((peer) => reputation.saw(peer, 'disputed-results')),
        proved: (peer) => void this.#right.set(peer, (this.#right.get(peer) ?? 0) + 1),
      },
      this.#ledger,
      dependencies,
    )
  }

  /** Audits open their sessions through this coordinator. */
  attach(coordinator: Pick<Coordinator, 'open'>): void {
    this.#coordinator = coordinator
  }

  /** Takes a receipt from a stage of one of this peer's sessions. */
  receive(peer: string, bytes: Uint8Array): void {
    this.#ledger
      .receive(peer, bytes)
      .catch((error: unknown) =>
        this.#dependencies.logger.info('receipt-refused', { peer, reason: messageOf(error) }),
      )
  }

  /** Prepares for the receipts of a session that is about to be opened. */
  expect(session: string): void {
    this.#sessions += 1
    this.#ledger.expect(session)
  }

  /** @returns the same session, which is audited after its end when chance, or a difference among its receipts, says so */
  watch(id: string, session: RouteSession): RouteSession {
    let closed = false
    const close = async (): Promise<void> => {
      const finished = closed ? null : this.#chosen(id, session)
      closed = true
      await session.close()
      if (finished !== null) this.audit(finished)
    }
    return Object.create(session, { close: { value: close } }) as RouteSession
  }

  /** Audits a finished session in the background, after those that wait. */
  audit(finished: FinishedSession): void {
    this.#waiting += 1
    this.#queue
      .run(() => this.#auditor.audit(finished))
      .catch((error: unknown) =>
        this.#dependencies.logger.info('audit-failed', {
          session: finished.session,
          reason: messageOf(error),
        }),
      )
      .finally(() => {
        this.#waiting -= 1
      })
  }

  /** Resolves when no audit is under way. */
  settled(): Promise<void> {
    return this.#queue.run(() => Promise.resolve())
  }

  /** Checks evidence that came in another way than from a peer, such as from a file, and spreads it. */
  take(evidence: Evidence): Promise<boolean> {
    return this.#exchange.take(evidence, null)
  }

  status(): AuditStatus {
    return {
      sessions: this.#ledger.sessions().map((session) => ({
        session,
        receipts: this.#ledger.of(session),
      })),
      counts: { sessions: this.#sessions, ...this.#auditor.counts },
      proven: [...this.#right].filter(([, times]) => times >= auditLimits.provenAfter).map(([peer]) => peer),
      evidence: this.#exchange.list(),
      bans: [...this.#dependencies.reputation.banned()].map(([peer, forMs]) => ({ peer, forMs })),
    }
  }

  #chosen(id: string, session: RouteSession): FinishedSession | null {
    const { reruns } = this.#options
    const route = session.route()
    if (!reruns || session.length === 0 || route.length === 0 || this.#waiting >= auditLimits.waiting)
      return null
    const chance = this.#dependencies.random.unit()
    let length = this.#ledger.disputed(id)
      ? session.length
      : rowsToAudit(this.#share(route), chance, session.length)
    if (length === 0) return null
    // No receipt is for rows of an earlier session alone.
    if (length <= session.reused) length = session.length
    const rows = session.sent().subarray(0, length * this.#dependencies.manifest.manifest.config.hiddenSize)
    return { session: id, route, rows, length }
  }

  #share(route: readonly AuditStage[]): number {
    const { share, invited = false } = this.#options
    if (share !== undefined) return share
    if (invited) return auditShares.private
    const proven = route.every(({ peer }) => (this.#right.get(peer) ?? 0) >= auditLimits.provenAfter)
    return proven ? auditShares.proven : auditShares.unproven
  }

  #holders({ start, end }: BlockRange, numericClass: string, banned: boolean): string[] {
    const out = this.#dependencies.reputation.banned()
    return this.#dependencies.membership.members().flatMap(({ record, liveness }) => {
      const { peerId, span, state } = record
      const holds = span !== null && span.start <= start && end <= span.end
      const serves = liveness === 'alive' && state === 'serving' && record.numericClass === numericClass
      return holds && serves && (banned || !out.has(peerId)) ? [peerId] : []
    })
  }

  async #recompute(rows: Float32Array, route: readonly AuditStage[]): Promise<readonly SealedReceipt[]> {
    const { clock, random, manifest } = this.#dependencies
    const { config, profile } = manifest.manifest
    if (this.#coordinator === null) throw new ShoalError('not-ready', 'nothing opens sessions yet')
    const session = randomHex(random, 16)
    const length = rows.length / config.hiddenSize
    const limit = timeLimit(
      clock,
      auditLimits.auditTimeoutMs,
      () => new ShoalError('deadline-passed', 'the audit took too long'),
    )
    try {
      this.#ledger.expect(session)
      const opened = await this.#coordinator.open({
        session,
        manifestId: manifest.id,
        profile: formatProfile(profile),
        hiddenSize: config.hiddenSize,
        range: { start: 0, end: route.at(-1)!.end },
        route: route.map((stage) => this.#stage(stage)),
        // The budget of a session that goes on to an answer, within the model's context.
        tokenBudget: Math.min(config.contextLength, length + 1 + (random.uint32() % receiptLimits.interval)),
        receipts: true,
        signal: limit.signal,
      })
      try {
        await prefill(opened, rowsFrom(rows, config.hiddenSize), { signal: limit.signal })
      } finally {
        await opened.close()
      }
      await this.#ledger.at(session, length, route)
      return this.#ledger.of(session)
    } finally {
      limit.clear()
    }
  }

  #stage({ peer, start, end }: AuditStage): Parameters<Coordinator['open']>[0]['route'][number] {
    const found = this.#dependencies.membership.members().find(({ record }) => record.peerId === peer)
    if (found === undefined) throw new ShoalError('no-route', `${peer} is no longer a member`)
    const { addresses, incarnation, hardware } = found.record
    const microsPerRow = (hardware?.prefillMicrosPerRowBlock ?? 1000) * (end - start)
    return {
      peer,
      addresses,
      incarnation,
      range: { start, end },
      predictedStepMs: (rows) => (rows * microsPerRow) / 1000,
    }
  }

  #publish(evidence: Evidence): void {
    const { logger } = this.#dependencies
    this.#exchange.take(evidence, null).then(
      (counts) => {
        if (!counts) logger.warn('evidence-invalid', { kind: evidence.kind })
      },
      (error: unknown) => logger.warn('evidence-failed', { reason: messageOf(error) }),
    )
  }

  #convicted({ peer, incarnation }: Receipt): void {
    const { membership, reputation } = this.#dependencies
    this.#right.delete(peer)
    const record = membership.members().find((member) => member.record.peerId === peer)?.record
    // Evidence about an earlier life was acted on in that life; repeated later, it must not count again.
    if (record !== undefined && record.incarnation > incarnation) return
    reputation.saw(peer, 'wrong-results')
  }
}
