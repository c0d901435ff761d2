import { decode, encode } from 'cborg'
import { ShoalError } from '@shoal/host'
import { limits } from '@shoal/protocol'
import { memberLimits } from '../limits.ts'
import { signatureBytes, signedBytes, type Signer } from '../records/seal.ts'

/**
 * `alive`: the subject says so itself, and gives the statement a number. `alert`: the signer does not reach the subject.
 * `held`: the signer holds this life dead, whatever the subject says.
 */
export type StatementKind = 'alive' | 'alert' | 'held'

export interface StatementBody {
  readonly kind: StatementKind
  readonly signer: string
  /** Whose life it is about. */
  readonly subject: string
  readonly incarnation: number
  /**
   * Number of the subject's own `alive`, or of the one that an alert contradicts. The subject has signed that number, so
   * an alert cannot be repeated against what the subject says later.
   */
  readonly count: number
  /** Of `held` only: the life in which its signer says so. Its next life holds nobody dead until it says so itself. */
  readonly signerIncarnation?: number
}

/**
 * A statement as it travels: `signature(64) ‖ deterministic CBOR of [kind, signer, subject, incarnation, count]`, for `held`
 * with a sixth field `signerIncarnation`.
 */
export interface Statement extends StatementBody {
  readonly bytes: Uint8Array
}

const kinds: readonly StatementKind[] = ['alive', 'alert', 'held']

export async function sealStatement(
  signer: Pick<Signer, 'sign'>,
  swarm: string,
  statement: StatementBody,
): Promise<Statement> {
  const { kind, signer: name, subject, incarnation, count, signerIncarnation } = statement
  const fields = [kinds.indexOf(kind), name, kind === 'alive' ? null : subject, incarnation, count]
  const body = encode(kind === 'held' ? [...fields, signerIncarnation] : fields)
  const bytes = new Uint8Array(signatureBytes + body.length)
  bytes.set(await signer.sign(signedBytes('statement', swarm, body)))
  bytes.set(body, signatureBytes)
  return { ...statement, bytes }
}

export function verifyStatement(
  signer: Pick<Signer, 'verify'>,
  swarm: string,
  { signer: name, bytes }: Statement,
): Promise<boolean> {
  return signer.verify(
    name,
    signedBytes('statement', swarm, bytes.subarray(signatureBytes)),
    bytes.subarray(0, signatureBytes),
  )
}

/**
 * Reads a statement without checking its signature. The bytes are copied, because a view would keep a whole frame.
 * @throws {ShoalError} `bad-frame` for anything that is not a statement
 */
export function readStatement(received: Uint8Array): Statement {
  if (received.length <= signatureBytes || received.length > limits.maxStatementBytes)
    throw refuse(`${received.length} bytes are not its length`)
  const bytes = received.slice()
  const fields = parse(bytes.subarray(signatureBytes))
  if (!Array.isArray(fields)) throw refuse('it is not a list')
  const [code, signer, named, incarnation, count, signerIncarnation]: unknown[] = fields
  const kind = typeof code === 'number' ? kinds[code] : undefined
  if (kind === undefined) throw refuse('its kind is unknown')
  if (fields.length !== (kind === 'held' ? 6 : 5)) throw refuse(`${fields.length} fields are not its number`)
  if (!isPeerId(signer)) throw refuse('its signer is not a peer id')
  const subject = kind === 'alive' && named === null ? signer : named
  if (!isPeerId(subject) || (kind === 'alive') !== (subject === signer))
    throw refuse('its subject is not a peer id')
  if (!isCount(incarnation) || !isCount(count)) throw refuse('its numbers are not whole')
  if (kind !== 'held') return { kind, signer, subject, incarnation, count, bytes }
  if (!isCount(signerIncarnation)) throw refuse('its numbers are not whole')
  return { kind, signer, subject, incarnation, count, signerIncarnation, bytes }
}

function parse(body: Uint8Array): unknown {
  try {
    return decode(body, { allowIndefinite: false, allowUndefined: false, useMaps: true })
  } catch (cause) {
    throw refuse('its CBOR is damaged', cause)
  }
}

const isPeerId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= memberLimits.maxPeerIdLength

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function refuse(why: string, cause?: unknown): ShoalError {
  return new ShoalError('bad-frame', `a statement was refused: ${why}`, { cause })
}
