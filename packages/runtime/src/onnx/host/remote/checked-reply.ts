import { isErrorCode, printable, ShoalError } from '@shoal/host'
import { sha256Hex } from '@shoal/model'
import { noNumericClass } from '../../../probe/no-numeric-class.ts'
import { rowPaddings } from '../../computers/row-padding.ts'
import type { CallName, CallReply, CallRequest, CallResult } from '../compute-calls.ts'

/** Characters of a failure's text that are kept. */
const messageMax = 300

/** What is known of a call whose reply comes from an engine that is not trusted. */
export interface AwaitedCall {
  readonly name: CallName
  /** Values of the rows that the call computes; 0 where it computes none. */
  readonly values: number
}

export function awaitedCall({ name, arguments: fields }: CallRequest): AwaitedCall {
  const hidden = fields !== null && 'hidden' in fields ? fields.hidden : null
  return { name, values: hidden?.length ?? 0 }
}

type Fields = Readonly<Record<string, unknown>>

/** The calls that a remote engine answers. It has no shared memory, so that it loads no ranks; and it loads no heads. */
export type RemoteCallName = Exclude<CallName, 'load-rank' | 'load-head' | 'logits' | 'release-head'>

const readers: {
  readonly [Name in RemoteCallName]: (result: Fields, call: AwaitedCall) => CallResult<Name>
} = {
  'numeric-class': ({ numericClass }) => ({ numericClass: ownClass(numericClass) }),
  'load-blocks': ({ padding }) => {
    if (padding === null) return { padding }
    const known = rowPaddings.find((each) => each === padding)
    if (known === undefined) throw wrong('an unknown padding')
    return { padding: known }
  },
  forward: ({ hidden, keyValueBytes }, { values }) => {
    const rows = floatsOf(hidden)
    if (rows.length !== values) throw wrong(`${rows.length} values in place of ${values}`)
    return { hidden: rows, keyValueBytes: countOf(keyValueBytes) }
  },
  'export-session': ({ keyValues }) => ({ keyValues: floatsOf(keyValues) }),
  'import-session': ({ keyValueBytes }) => ({ keyValueBytes: countOf(keyValueBytes) }),
  'open-session': () => null,
  'truncate-session': () => null,
  'close-session': () => null,
  'release-blocks': () => null,
  stop: () => null,
}

export const isRemoteCall = (name: CallName): name is RemoteCallName => name in readers

/**
 * The reply of a remote engine, whose fields may be anything.
 * @throws {ShoalError} `bad-frame` for one that is no reply to the call
 */
export function checkedReply(id: number, fields: Fields, call: AwaitedCall): CallReply {
  if ('failure' in fields) return { id, failure: failureOf(fields['failure']) }
  if (!isRemoteCall(call.name)) throw wrong('a call that it was not sent')
  const { result } = fields
  if (result !== null && !isFields(result)) throw wrong('no result')
  return { id, result: readers[call.name](result ?? {}, call) }
}

/**
 * A remote engine says itself of which class it is. Its class is made of that, so that it is never the class of an engine
 * whose bits this software has computed itself.
 */
function ownClass(claimed: unknown): string {
  if (claimed === noNumericClass) return noNumericClass
  if (typeof claimed !== 'string' || !/^[0-9a-f]{32}$/.test(claimed)) throw wrong('no numeric class')
  return sha256Hex(new TextEncoder().encode(`remote ${claimed}`)).slice(0, 32)
}

function failureOf(failure: unknown): Extract<CallReply, { failure: unknown }>['failure'] {
  const { code, definite, message } = isFields(failure) ? failure : {}
  return {
    code: typeof code === 'string' && isErrorCode(code) ? code : 'compute-failed',
    definite: definite === true,
    message: printable(typeof message === 'string' ? message.slice(0, messageMax) : 'it gave no reason'),
    stack: null,
  }
}

function floatsOf(value: unknown): Float32Array<ArrayBuffer> {
  if (value instanceof Float32Array && value.buffer instanceof ArrayBuffer)
    return value as Float32Array<ArrayBuffer>
  throw wrong('no values')
}

function countOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw wrong('no number of bytes')
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const wrong = (what: string): ShoalError => new ShoalError('bad-frame', `a compute reply has ${what}`)
