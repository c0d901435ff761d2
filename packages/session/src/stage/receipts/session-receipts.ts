import { messageOf, type Logger } from '@shoal/host'
import { receiptLimits, RowChain, sealReceipt, type HashPair, type Receipt, type Sign } from '@shoal/protocol'

/** What a receipt says beside the rows. */
export type ReceiptSubject = Omit<Receipt, 'position' | 'rows' | 'in' | 'out'>

export interface SessionReceiptsOptions {
  /** Values of a row. */
  readonly columns: number
  readonly hash: HashPair
  readonly sign: Sign
  readonly logger: Logger
  /** Read for each receipt: epoch, incarnation and numeric class may change. */
  subject(): ReceiptSubject
  send(receipt: Uint8Array): void
}

/** Hashes of the first rows of a session, with which another one may go on. */
export interface ReceiptChains {
  readonly in: RowChain
  readonly out: RowChain
}

/** Hashes the rows of one session at one stage, and signs what came in and what went out. */
export class SessionReceipts {
  readonly #options: SessionReceiptsOptions
  #in: RowChain
  #out: RowChain
  /** Position of the last receipt for rows that are still here. */
  #signed = 0
  /** First position that no receipt has to cover: 0, or where the session began. */
  #from = 0
  #silent = false
  /** Whether all rows so far were computed here, or for the session with which this one began. */
  #whole = true

  constructor(options: SessionReceiptsOptions) {
    const { columns, hash } = options
    this.#options = options
    this.#in = new RowChain(columns, hash)
    this.#out = new RowChain(columns, hash)
  }

  /** Hashes rows before they are computed, since the runner may own their memory afterwards. */
  received(rows: Float32Array): void {
    if (!this.#silent) this.#in.append(rows)
  }

  /**
   * Hashes the output of these rows. Signs a receipt at the first position and at each multiple of the interval that
   * the rows pass.
   */
  computed(rows: Float32Array): void {
    if (this.#silent) return
    const { first, interval } = receiptLimits
    const before = this.#out.length
    this.#out.append(rows)
    if (before < first && first <= this.#out.length) this.#sign(first)
    for (let at = before - (before % interval) + interval; at <= this.#out.length; at += interval)
      this.#sign(at)
  }

  /** Rows from `length` on are forgotten. */
  truncate(length: number): void {
    this.#in.truncate(length)
    this.#out.truncate(length)
    if (length >= this.#signed) return
    const { first, interval } = receiptLimits
    const whole = length - (length % interval)
    this.#signed = Math.max(this.#from, whole === 0 && length >= first ? first : whole)
  }

  /**
   * Signs nothing from now on: the cache came from another stage, and this stage cannot vouch for rows that it did not
   * compute.
   */
  fallSilent(): void {
    this.#whole = false
    this.#silent = true
  }

  /** The hashes of the first rows, to go on with elsewhere; null when not all of them were computed here. */
  fork(length: number): ReceiptChains | null {
    if (!this.#whole || this.#out.length < length || this.#in.length < length) return null
    return { in: this.#in.fork(length), out: this.#out.fork(length) }
  }

  /** The first rows are those of an earlier session. @param chains null when nothing can be said of them */
  goOnFrom(chains: ReceiptChains | null, length: number): void {
    if (chains === null) {
      this.fallSilent()
      return
    }
    this.#in = chains.in.fork(length)
    this.#out = chains.out.fork(length)
    this.#signed = length
    this.#from = length
  }

  /**
   * Signs a last receipt for the rows since the one before, since no more rows come.
   * @param most positions that count: later ones are of steps that nobody waited for, or of drafts that were not drawn
   */
  finish(most = this.#out.length): void {
    this.truncate(most)
    if (!this.#silent && this.#out.length > this.#signed) this.#sign(this.#out.length)
    this.#silent = true
  }

  #sign(position: number): void {
    const options = this.#options
    const rows = position - this.#signed
    this.#signed = position
    const receipt = {
      ...options.subject(),
      position,
      rows,
      in: this.#in.at(position),
      out: this.#out.at(position),
    }
    sealReceipt(receipt, options.sign).then(
      (bytes) => options.send(bytes),
      (error: unknown) =>
        options.logger.warn('receipt-not-signed', { session: receipt.session, reason: messageOf(error) }),
    )
  }
}
