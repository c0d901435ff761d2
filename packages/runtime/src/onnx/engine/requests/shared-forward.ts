import type { Clock } from '@shoal/host'
import type { CallArguments, CallResult } from '../../host/compute-calls.ts'
import type { ChainCaches } from '../../computers/block-chain.ts'
import type { MicroBatches, WaitingRows } from './micro-batches.ts'
import { groupOf } from './request-places.ts'
import { shareRows } from './shared-calls.ts'
import type { LoadedSpans } from '../loaded-spans.ts'

/** A request to append rows, of which one call computes some and the next one more. */
export class ForwardProgress {
  readonly fields: CallArguments<'forward'>
  readonly #columns: number
  #output: Float32Array<ArrayBuffer> | null = null
  #done = 0

  constructor(fields: CallArguments<'forward'>, columns: number) {
    this.fields = fields
    this.#columns = columns
  }

  get position(): number {
    return this.fields.position + this.#done
  }

  get rowsLeft(): number {
    return this.fields.hidden.length / this.#columns - this.#done
  }

  /** @returns the next `rows` rows of the input */
  input(rows: number): Float32Array<ArrayBuffer> {
    return this.fields.hidden.subarray(this.#done * this.#columns, (this.#done + rows) * this.#columns)
  }

  /** Stores computed rows. @returns all rows, once the last one has been computed */
  add(rows: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> | null {
    if (rows.length === this.fields.hidden.length) return rows
    this.#output ??= new Float32Array(this.fields.hidden.length)
    this.#output.set(rows, this.#done * this.#columns)
    this.#done += rows.length / this.#columns
    return this.rowsLeft === 0 ? this.#output : null
  }
}

/** What became of one request in a call: null when it has rows left. */
export type ForwardOutcome = { readonly result: CallResult<'forward'> } | { readonly error: unknown } | null

/** What a shared call needs of the engine. */
export interface SharedForwardParts {
  readonly spans: LoadedSpans
  readonly batches: MicroBatches
  readonly clock: Clock
}

interface Part {
  readonly index: number
  readonly progress: ForwardProgress
  readonly caches: ChainCaches
  readonly rows: number
}

/**
 * Computes rows of several sessions of one span, over the same blocks, in one pass through the blocks. A request that cannot be
 * computed fails alone: when a pass fails, each session's rows are computed in a pass of their own.
 * @param requests the oldest first
 * @returns what became of each
 */
export function forwardShared(
  { spans, batches, clock }: SharedForwardParts,
  requests: readonly ForwardProgress[],
): readonly ForwardOutcome[] {
  const outcomes: ForwardOutcome[] = requests.map(() => null)
  const found: Omit<Part, 'rows'>[] = []
  const startedMs = clock.nowMs()
  for (const [index, progress] of requests.entries()) {
    const { span, session } = progress.fields
    try {
      found.push({ index, progress, caches: spans.cachesAt(span, session, progress.position) })
    } catch (error) {
      outcomes[index] = { error }
    }
  }
  const [oldest] = found
  if (oldest === undefined) return outcomes
  const { span, session } = oldest.progress.fields
  const group = groupOf(spans, span, session)
  const { part } = oldest.caches
  const chosen = batches.choose(
    group,
    part.end - part.start,
    found.map(({ progress }) => waitingRows(progress)),
  )
  const known = found.filter((_, index) => chosen[index])
  const chain = spans.chain(span)
  const left = known.map(({ progress }) => progress.rowsLeft)
  const shares = shareRows(left, chain.streams)
  const parts = known
    .map((part, index) => ({ ...part, rows: shares[index] ?? 0 }))
    .filter(({ rows }) => rows > 0)
  const [first] = parts
  if (first === undefined) return outcomes
  const computed = parts.map(({ progress }) => waitingRows(progress))
  const pass = (together: readonly Part[]): void => {
    const [only] = together
    const input =
      together.length === 1 && only !== undefined ? only.progress.input(only.rows) : gathered(together)
    if (chain.forwardTogether === undefined) throw new Error('this span computes for one session at a time')
    const output = chain.forwardTogether(together, input)
    let at = 0
    for (const { index, progress, caches, rows } of together) {
      const count = progress.input(rows).length
      const own = together.length === 1 ? output : output.slice(at, at + count)
      at += count
      const hidden = progress.add(own)
      if (hidden !== null) outcomes[index] = { result: { hidden, keyValueBytes: caches.bytes } }
    }
  }
  const alone = (part: Part): void => {
    try {
      pass([part])
    } catch (error) {
      // The rows that earlier calls have computed belong to a request that has failed.
      part.caches.truncate(part.progress.fields.position)
      outcomes[part.index] = { error }
    }
  }
  if (parts.length === 1) alone(first)
  else
    try {
      pass(parts)
    } catch {
      for (const part of parts) alone(part)
    }
  const nowMs = clock.nowMs()
  batches.computed(group, computed, nowMs - startedMs, nowMs)
  return outcomes
}

function waitingRows({ fields, rowsLeft }: ForwardProgress): WaitingRows {
  return { session: fields.session, rows: rowsLeft }
}

function gathered(parts: readonly Part[]): Float32Array<ArrayBuffer> {
  const inputs = parts.map(({ progress, rows }) => progress.input(rows))
  const all = new Float32Array(inputs.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const input of inputs) {
    all.set(input, at)
    at += input.length
  }
  return all
}
