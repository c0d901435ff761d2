import { messageOf, type Logger, type Random } from '@shoal/host'
import type { BlockRange } from '@shoal/model'
import type { Evidence, SealedReceipt } from '@shoal/protocol'
import { settleDispute } from './court.ts'
import type { ReceiptLedger } from './receipt-ledger.ts'
import { agree, findDispute, mustAgree, type Dispute } from './verdict.ts'

/** A span of a route, and who computes it. */
export interface AuditStage extends BlockRange {
  readonly peer: string
}

/** Rows that go into the first block: float32 `[length, hiddenSize]`. */
interface Rows {
  readonly rows: Float32Array
  readonly length: number
}

/** A session that has ended. */
export interface FinishedSession extends Rows {
  readonly session: string
  readonly route: readonly AuditStage[]
}

/** What an audit needs of the swarm. */
export interface AuditWorld {
  /** This peer. */
  readonly self: string
  /** Peers that hold these blocks now, in this numeric class, and are not banned. */
  holders(range: BlockRange, numericClass: string): readonly string[]
  /**
   * Lets other peers compute rows in a session of their own. @returns the receipts that the stages have signed
   * @throws {ShoalError} when no such session can be opened
   */
  recompute(rows: Float32Array, route: readonly AuditStage[]): Promise<readonly SealedReceipt[]>
  /** Called with evidence that convicts a peer to anybody who checks it. */
  convicted(evidence: Evidence): void
  /** Called when one of two peers is wrong and arbiters did not decide which: this peer avoids both, and tells nobody. */
  distrusted(peers: readonly string[]): void
  /** Called when the peer's results were right in an audit. */
  proved(peer: string): void
}

export type AuditOutcome = 'right' | 'convicted' | 'undecided' | 'not-comparable'

export interface AuditCounts {
  readonly sessions: number
  readonly audits: number
  /** Rows × blocks that were computed for audits. */
  readonly recomputed: number
  readonly outcomes: Readonly<Record<AuditOutcome, number>>
}

/** Has finished sessions computed again by other holders, and settles what differs. */
export class Auditor {
  readonly #world: AuditWorld
  readonly #ledger: ReceiptLedger
  readonly #random: Random
  readonly #logger: Logger
  readonly #outcomes: Record<AuditOutcome, number> = {
    right: 0,
    convicted: 0,
    undecided: 0,
    'not-comparable': 0,
  }
  #audits = 0
  #recomputed = 0

  constructor(
    world: AuditWorld,
    ledger: ReceiptLedger,
    { random, logger }: { random: Random; logger: Logger },
  ) {
    this.#world = world
    this.#ledger = ledger
    this.#random = random
    this.#logger = logger
  }

  get counts(): Omit<AuditCounts, 'sessions'> {
    return { audits: this.#audits, recomputed: this.#recomputed, outcomes: { ...this.#outcomes } }
  }

  /** Audits one session. @throws {ShoalError} when it cannot be computed again */
  async audit(finished: FinishedSession): Promise<AuditOutcome> {
    const outcome = await this.#audit(finished)
    this.#outcomes[outcome] += 1
    this.#logger.info('session-audited', { session: finished.session, outcome })
    return outcome
  }

  async #audit({ session, route, rows, length }: FinishedSession): Promise<AuditOutcome> {
    const final = await this.#ledger.at(session, length, route)
    const others = this.#otherRoute(route, final)
    if (others === null) return 'not-comparable'
    this.#audits += 1
    const again = await this.#recompute({ rows, length }, others)
    const signed = this.#ledger.of(session)
    const dispute = findDispute(signed, again)
    if (dispute !== null) return this.#settle(dispute, others, { session, route, rows, length })
    const compared = signed.filter(({ receipt }) =>
      again.some(
        (other) =>
          other.receipt.peer !== receipt.peer &&
          mustAgree(other.receipt, receipt) &&
          agree(other.receipt, receipt),
      ),
    )
    for (const peer of new Set(compared.map(({ receipt }) => receipt.peer))) this.#world.proved(peer)
    return compared.length > 0 ? 'right' : 'not-comparable'
  }

  /** For each span another holder of the class that computed it, at random; the same peer where there is none. */
  #otherRoute(
    route: readonly AuditStage[],
    receipts: readonly SealedReceipt[],
  ): readonly AuditStage[] | null {
    let found = false
    const others = route.map((stage) => {
      const own = receipts.find(({ receipt }) => receipt.peer === stage.peer && receipt.start === stage.start)
      const holders = own === undefined ? [] : this.#world.holders(stage, own.receipt.numericClass)
      const candidates = holders.filter((peer) => peer !== stage.peer)
      if (candidates.length === 0) return stage
      found = true
      return { ...stage, peer: candidates[Math.floor(this.#random.unit() * candidates.length)]! }
    })
    return found ? others : null
  }

  async #settle(
    dispute: Dispute,
    others: readonly AuditStage[],
    { session, rows, length }: FinishedSession,
  ): Promise<AuditOutcome> {
    const world = this.#world
    const { receipt } = dispute.stage
    const parties = [receipt.peer, dispute.again.receipt.peer]
    this.#logger.warn('results-differ', { session, peers: parties, blocks: [receipt.start, receipt.end] })
    const part = {
      rows: rows.subarray(0, (rows.length / length) * receipt.position),
      length: receipt.position,
    }
    const before = others.filter(({ end }) => end <= receipt.start)
    const evidence = await settleDispute(dispute, {
      candidates: world
        .holders(receipt, receipt.numericClass)
        .filter((peer) => !parties.includes(peer) && peer !== world.self),
      ask: async (peer) => {
        const route = [...before, { peer, start: receipt.start, end: receipt.end }]
        try {
          const receipts = await this.#recompute(part, route)
          return (
            receipts.find(
              ({ receipt: own }) =>
                own.peer === peer && own.start === receipt.start && own.position === receipt.position,
            ) ?? null
          )
        } catch (error) {
          this.#logger.info('arbiter-silent', { peer, reason: messageOf(error) })
          return null
        }
      },
    })
    if (evidence === null) {
      world.distrusted(parties)
      return 'undecided'
    }
    world.convicted(evidence)
    return 'convicted'
  }

  #recompute(rows: Rows, route: readonly AuditStage[]): Promise<readonly SealedReceipt[]> {
    this.#recomputed += rows.length * route.reduce((sum, { start, end }) => sum + end - start, 0)
    return this.#world.recompute(rows.rows, route)
  }
}
