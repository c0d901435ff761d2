import * as fc from 'fast-check'
import { limits } from '../limits.ts'
import { wireFormats } from '../session/wire-rows.ts'
import { receiptLimits } from '../receipts/limits.ts'
import type { BlobMessage } from '../blobs.ts'
import type { Hello } from '../hello.ts'
import type { Refused } from '../refused.ts'
import type { MembersMessage } from '../members.ts'
import type { VocabularyMessage } from '../vocabulary.ts'
import type { SessionMessage } from '../session/session-messages.ts'

/** Arbitrary valid messages of each protocol, for property tests. */

const uint32 = fc.integer({ min: 0, max: 0xffffffff })
const natural = fc.maxSafeNat()
const id = fc.string({
  minLength: 1,
  maxLength: limits.maxIdLength,
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
})
const name = fc.string({ maxLength: limits.maxNameLength, unit: 'binary' })
const sentence = fc.string({ maxLength: limits.maxMessageBytes / 4, unit: 'grapheme' })
const block = fc.integer({ min: 0, max: limits.maxBlocks - 1 })
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })

export const hello: fc.Arbitrary<Hello | Refused> = fc.oneof(
  fc.record(
    {
      type: fc.constant('hello' as const),
      version: natural,
      agent: name,
      role: fc.constantFrom('node' as const, 'client' as const),
      manifest: fc.option(id),
      profile: fc.option(name),
      model: fc.option(name),
      fetchedBytes: natural,
    },
    { requiredKeys: ['type', 'version', 'agent', 'role', 'manifest', 'profile', 'model'] },
  ),
  fc.record({ type: fc.constant('refused' as const), code: id, message: sentence, definite: fc.boolean() }),
)

const nextHop = fc.record({
  peer: id,
  addresses: fc.array(fc.string({ maxLength: 64 }), { maxLength: limits.maxAddresses }),
  coordinator: fc.boolean(),
})

const range = fc
  .tuple(block, fc.integer({ min: 1, max: 64 }))
  .map(([start, count]) => ({ start, end: Math.min(start + count, limits.maxBlocks) }))

const successor = fc
  .record({
    peer: id,
    addresses: fc.array(fc.string({ maxLength: 64 }), { maxLength: limits.maxAddresses }),
    range,
  })
  .map(({ range, ...rest }) => ({ ...rest, ...range }))

export const plainSessionMessage: fc.Arbitrary<SessionMessage> = fc.oneof(
  fc
    .record({
      type: fc.constant('open' as const),
      session: id,
      manifest: id,
      profile: name,
      range,
      epoch: uint32,
      tokenBudget: fc.integer({ min: 1, max: 0xffffffff }),
      wire: fc.constantFrom(...wireFormats),
      previous: id,
      next: nextHop,
    })
    .chain(({ range, ...rest }) =>
      fc.constantFrom(
        { ...rest, ...range },
        { ...rest, ...range, restore: rest.previous },
        { ...rest, ...range, waitMs: 1 + (rest.epoch % limits.maxOpenWaitMs) },
        { ...rest, ...range, receipts: true as const },
        { ...rest, ...range, prefix: { session: rest.session, length: rest.tokenBudget } },
      ),
    ),
  fc.record({
    type: fc.constant('opened' as const),
    session: id,
    start: block,
    epoch: uint32,
    numericClass: id,
    incarnation: natural,
    length: uint32,
    lastStep: fc.option(uint32),
  }),
  fc.record({
    type: fc.constant('opened' as const),
    session: id,
    start: block,
    epoch: uint32,
    numericClass: id,
    incarnation: natural,
    length: uint32,
    lastStep: fc.option(uint32),
    journalFrom: uint32,
  }),
  fc.record({
    type: fc.constant('failed' as const),
    session: id,
    start: block,
    epoch: uint32,
    step: fc.option(uint32),
    code: id,
    message: sentence,
    definite: fc.boolean(),
  }),
  fc.record({ type: fc.constant('close' as const), session: id, start: fc.option(block) }),
  fc.record({
    type: fc.constant('close' as const),
    session: id,
    start: fc.option(block),
    keep: fc.integer({ min: 1, max: 0xffffffff }),
  }),
  fc.record({
    type: fc.constant('replay' as const),
    session: id,
    start: block,
    epoch: uint32,
    length: uint32,
    from: uint32,
    settled: uint32,
  }),
  fc.record({ type: fc.constant('keep-alive' as const) }),
  fc.record({
    type: fc.constant('receipt' as const),
    session: id,
    start: block,
    epoch: uint32,
    receipt: fc.uint8Array({ maxLength: receiptLimits.maxReceiptBytes }),
  }),
  fc.record({ type: fc.constant('leaving' as const), session: id, start: block }),
  fc.record({
    type: fc.constant('hand-over' as const),
    session: id,
    start: block,
    epoch: uint32,
    to: fc.array(successor, { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('handed-over' as const),
    session: id,
    start: block,
    epoch: uint32,
    length: uint32,
  }),
  fc.record({ type: fc.constant('let-go' as const), session: id, start: block, epoch: uint32 }),
  fc.record({
    type: fc.constant('key-values-end' as const),
    session: id,
    start: block,
    epoch: uint32,
    length: uint32,
    lastStep: fc.option(uint32),
    checksum: id,
  }),
)

/** Steps and results with hidden states of the right size, for hidden sizes from 1 to 64. */
export const stepMessage: fc.Arbitrary<{ message: SessionMessage; hidden: Float32Array }> = fc
  .record({
    common: fc.record({ session: id, epoch: uint32, position: uint32, step: uint32 }),
    start: block,
    rewind: fc.boolean(),
    want: fc.constantFrom('none' as const, 'last' as const, 'all' as const),
    result: fc.boolean(),
    rows: fc.integer({ min: 1, max: 16 }),
    hiddenSize: fc.integer({ min: 1, max: 64 }),
    seed: fc.double({ noNaN: true, min: -10, max: 10 }),
  })
  .map(({ common, start, rewind, want, result, rows, hiddenSize, seed }) => ({
    message: result
      ? { type: 'result', ...common, rows }
      : { type: 'step', ...common, start, rows, rewind, want },
    hidden: Float32Array.from({ length: rows * hiddenSize }, (_, index) => seed * (index + 1)),
  }))

const words = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { minLength, maxLength })

const load = {
  sessions: fc.integer({ min: 0, max: 0xffff }),
  busyPermille: fc.integer({ min: 0, max: 1000 }),
}

export const members: fc.Arbitrary<MembersMessage> = fc.oneof(
  fc.record({ type: fc.constant('words' as const), pushed: fc.boolean(), words: words(0, 5) }),
  fc.record({
    type: fc.constant('statements' as const),
    pushed: fc.boolean(),
    statements: fc.array(fc.uint8Array({ minLength: 1, maxLength: limits.maxStatementBytes })),
  }),
  fc.record({
    type: fc.constant('roll' as const),
    salt: uint32,
    answer: fc.boolean(),
    hashes: fc.uint32Array({ maxLength: 20 }),
  }),
  fc.record({ type: fc.constant('prune' as const), lazy: fc.boolean() }),
  fc.record({ type: fc.constant('proof' as const), words: words(2, 2) }),
  fc.record({
    type: fc.constant('vector' as const),
    swarm: id,
    salt: uint32,
    answer: fc.boolean(),
    hashes: fc.uint32Array({ maxLength: 20 }),
  }),
  fc.record({ type: fc.constant('want' as const), owner: id }),
  fc.record({
    type: fc.constant('beat' as const),
    incarnation: natural,
    beat: uint32,
    wants: fc.boolean(),
    asks: fc.boolean(),
    answers: fc.boolean(),
    yields: fc.boolean(),
    lives: uint32,
    known: uint32,
    ...load,
    loads: fc.array(fc.record({ peer: uint32, ...load }), { maxLength: limits.maxLoadsPerBeat }),
    words: words(0, 3),
  }),
)

const sha256 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((digest) => Buffer.from(digest).toString('hex'))

export const blob: fc.Arbitrary<{ message: BlobMessage; payload: Uint8Array }> = fc.oneof(
  fc
    .record({
      type: fc.constant('get' as const),
      request: uint32,
      blob: fc.oneof(fc.constant('manifest'), sha256),
      offset: natural,
      length: fc.integer({ min: 1, max: limits.blobChunkBytes }),
    })
    .map((message) => ({ message, payload: new Uint8Array(0) })),
  fc
    .record({
      request: uint32,
      offset: fc.integer({ min: 0, max: 2 ** 40 }),
      more: fc.integer({ min: 0, max: 2 ** 40 }),
      payload: bytes(2000),
    })
    .map(({ request, offset, more, payload }) => ({
      message: { type: 'chunk' as const, request, offset, total: offset + payload.length + more },
      payload,
    })),
  fc
    .record({ type: fc.constant('no-blob' as const), request: uint32, code: id, message: sentence })
    .map((message) => ({ message, payload: new Uint8Array(0) })),
)

const rows = fc.integer({ min: 1, max: limits.maxRowsPerStep })

export const vocabulary: fc.Arbitrary<{ message: VocabularyMessage; payload: Uint8Array }> = fc.oneof(
  fc.record({ type: fc.constant('embed' as const), request: uint32, rows }).map((message) => ({
    message,
    payload: new Uint8Array(message.rows * Uint32Array.BYTES_PER_ELEMENT),
  })),
  fc.record({
    message: fc.record({
      type: fc.constant('logits' as const),
      request: uint32,
      rows,
      best: fc.integer({ min: 0, max: limits.maxBestLogits }),
    }),
    payload: bytes(2000),
  }),
  fc.record({
    message: fc.record({ type: fc.constant('vocabulary-rows' as const), request: uint32, rows }),
    payload: bytes(2000),
  }),
  fc
    .record({ type: fc.constant('vocabulary-failed' as const), request: uint32, code: id, message: sentence })
    .map((message) => ({ message, payload: new Uint8Array(0) })),
)
