import { hash as hashOnce } from 'node:crypto'
import {
  receiptLimits,
  RowChain,
  sealReceipt,
  type HashPair,
  type SealedReceipt,
  type Sign,
} from '@shoal/protocol'
import type { Random } from '@shoal/host'

/** Columns of a row: few, since the number of them changes nothing in what is found. */
export const columns = 4
export const sessionSteps = { promptRows: 300, chunkRows: 128, answerRows: 200 } as const

/** One call for both pieces is three times as fast for rows as short as these. */
const hash: HashPair = (one, other) => {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return hashOnce('sha256', both, 'buffer')
}

/** What a liar does to the rows of one step. @param earlier its output of an earlier step of as many rows, if there was one */
export type Lie = (rows: Float32Array, earlier: Float32Array | undefined) => void

/** Lies of the same rate look different; each must be found. */
export const lies: Readonly<Record<string, Lie>> = {
  'one-ulp': (rows) => {
    const bits = new Int32Array(rows.buffer, rows.byteOffset, rows.length)
    for (let index = 0; index < bits.length; index += columns) bits[index]! += 1
  },
  'one-percent': (rows) => {
    for (let index = 0; index < rows.length; index += 1) rows[index]! *= 1.01
  },
  'swapped-rows': (rows) => {
    // A step of one row swaps two of its values, as it has no other row.
    const [from, to] = rows.length > columns ? [0, columns] : [0, 1]
    const width = rows.length > columns ? columns : 1
    const first = rows.slice(from, from + width)
    rows.copyWithin(from, to, to + width)
    rows.set(first, to)
  },
  'old-answer': (rows, earlier) => {
    if (earlier === undefined) rows.fill(0.5)
    else rows.set(earlier)
  },
  'wrong-weights': (rows) => {
    for (let index = 0; index < rows.length; index += 1) rows[index] = Math.sin(rows[index]! * 1.5)
  },
}

/** A peer that computes one span, honestly but for its lie. */
export interface BenchPeer {
  readonly name: string
  readonly numericClass: string
  readonly sign: Sign
  /** Changes a step with this probability; absent for an honest peer. */
  readonly lie?: { readonly change: Lie; readonly rate: number }
  /** Gives wrong results whenever it is asked in an audit: a false accuser. */
  readonly accuses?: boolean
}

export interface BenchSpan {
  readonly start: number
  readonly end: number
}

/**
 * One session at one stage: cheap arithmetic in which a row depends on all rows before it, on the blocks and, in its last
 * bits, on the numeric class.
 */
export class BenchStage {
  readonly #peer: BenchPeer
  readonly #span: BenchSpan
  readonly #session: string
  readonly #random: Random
  readonly #audit: boolean
  readonly #in = new RowChain(columns, hash)
  readonly #out = new RowChain(columns, hash)
  readonly #receipts: Promise<SealedReceipt>[] = []
  readonly #factor: number
  /** The last output of each length. */
  readonly #earlier = new Map<number, Float32Array>()
  #state = 0.5
  #signed = 0

  constructor(peer: BenchPeer, span: BenchSpan, session: string, random: Random, audit: boolean) {
    this.#peer = peer
    this.#span = span
    this.#session = session
    this.#random = random
    this.#audit = audit
    this.#factor = peer.numericClass === 'b' ? 1 + 2 ** -22 : 1
  }

  step(input: Float32Array): Float32Array {
    this.#in.append(input)
    const output = input.slice()
    for (let at = 0; at < output.length; at += columns) this.#row(output.subarray(at, at + columns))
    const { lie, accuses = false } = this.#peer
    if (lie !== undefined && !this.#audit && this.#random.unit() < lie.rate) {
      lie.change(output, this.#earlier.get(output.length))
    }
    if (accuses && this.#audit) lies['one-ulp']!(output, undefined)
    this.#earlier.set(output.length, output)
    const before = this.#out.length
    this.#out.append(output)
    for (let position = before + 1; position <= this.#out.length; position += 1)
      if (position === receiptLimits.first || position % receiptLimits.interval === 0) this.#sign(position)
    return output
  }

  async finish(): Promise<SealedReceipt[]> {
    if (this.#out.length > this.#signed) this.#sign(this.#out.length)
    return Promise.all(this.#receipts)
  }

  #row(row: Float32Array): void {
    let sum = this.#state * 0.75 + this.#span.start * 0.01
    for (let index = 0; index < columns; index += 1) sum += row[index]! * (index - 1.4) * 0.3
    this.#state = Math.fround(Math.sin(sum) * this.#factor)
    for (let index = 0; index < columns; index += 1)
      row[index] = Math.sin(row[index]! + this.#state * (index + 1))
  }

  #sign(position: number): void {
    const { name: peer, numericClass, sign } = this.#peer
    const receipt = {
      manifest: 'bench',
      numericClass,
      peer,
      incarnation: 1,
      session: this.#session,
      epoch: 0,
      ...this.#span,
      position,
      rows: position - this.#signed,
      in: this.#in.at(position),
      out: this.#out.at(position),
    }
    this.#signed = position
    this.#receipts.push(sealReceipt(receipt, sign).then((bytes) => ({ receipt, bytes })))
  }
}
