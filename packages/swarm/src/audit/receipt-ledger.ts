import type { Clock } from '@shoal/host'
import { openReceipt, readReceipt, type Evidence, type SealedReceipt, type Verify } from '@shoal/protocol'
import { auditLimits } from './limits.ts'
import { agree, mustAgree } from './verdict.ts'

/** A stage whose receipt is awaited. */
interface SigningStage {
  readonly peer: string
  readonly start: number
}

interface KeptSession {
  readonly receipts: SealedReceipt[]
  /** Receipts whose signatures are being checked count, so that a burst cannot pass the limit. */
  taken: number
}

/** The receipts that a coordinator has got, by session. The session longest open is forgotten first. */
export class ReceiptLedger {
  readonly #clock: Pick<Clock, 'after'>
  readonly #verify: Verify
  readonly #sessions = new Map<string, KeptSession>()
  readonly #waits = new Set<() => void>()
  #contradicted: (evidence: Evidence) => void = () => undefined

  constructor(clock: Pick<Clock, 'after'>, verify: Verify) {
    this.#clock = clock
    this.#verify = verify
  }

  /** Calls `listener` when a peer has signed two outputs for one input. */
  onContradiction(listener: (evidence: Evidence) => void): void {
    this.#contradicted = listener
  }

  /** Receipts of this session are wanted from now on. */
  expect(session: string): void {
    this.#sessions.set(session, { receipts: [], taken: 0 })
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size > auditLimits.sessions && oldest !== undefined) this.#sessions.delete(oldest)
  }

  /**
   * Takes a receipt that came from `peer`. One that the peer did not sign, or that nobody waits for, is dropped.
   * @throws {ShoalError} `bad-frame`
   */
  async receive(peer: string, bytes: Uint8Array): Promise<void> {
    const { session, peer: signer } = readReceipt(bytes)
    const kept = this.#sessions.get(session)
    if (signer !== peer || kept === undefined || kept.taken >= auditLimits.receiptsPerSession) return
    kept.taken += 1
    const sealed = await openReceipt(bytes, this.#verify)
    if (sealed === null) return
    kept.receipts.push(sealed)
    for (const wake of this.#waits) wake()
    this.#compare(sealed)
  }

  /** Sessions of which receipts are kept, oldest first. */
  sessions(): string[] {
    return [...this.#sessions.keys()]
  }

  of(session: string): readonly SealedReceipt[] {
    return this.#sessions.get(session)?.receipts ?? []
  }

  /**
   * The receipts of a session at one position, when all stages have signed one.
   * @returns those that have come when the time is over
   */
  async at(session: string, position: number, stages: readonly SigningStage[]): Promise<SealedReceipt[]> {
    const here = (): SealedReceipt[] =>
      this.of(session).filter(({ receipt }) => receipt.position === position)
    const whole = (): boolean =>
      stages.every(({ peer, start }) =>
        here().some(({ receipt }) => receipt.peer === peer && receipt.start === start),
      )
    if (whole()) return here()
    await new Promise<void>((resolve) => {
      const end = (): void => {
        this.#waits.delete(look)
        timer.cancel()
        resolve()
      }
      const look = (): void => {
        if (whole()) end()
      }
      const timer = this.#clock.after(auditLimits.receiptsTimeoutMs, end)
      this.#waits.add(look)
    })
    return here()
  }

  /** Whether two peers have signed different results for one input in this session: before and after a replacement. */
  disputed(session: string): boolean {
    const receipts = this.of(session).map(({ receipt }) => receipt)
    return receipts.some((one, index) =>
      receipts.slice(index + 1).some((other) => mustAgree(one, other) && !agree(one, other)),
    )
  }

  #compare({ receipt, bytes }: SealedReceipt): void {
    for (const { receipts } of this.#sessions.values())
      for (const other of receipts)
        if (
          other.receipt.peer === receipt.peer &&
          mustAgree(other.receipt, receipt) &&
          !agree(other.receipt, receipt)
        )
          this.#contradicted({ kind: 'two-receipts', receipts: [bytes, other.bytes] })
  }
}
