import { messageOf, ShoalError, sleep, timeLimit, type Clock, type Logger, type Random } from '@shoal/host'
import { verifyWithKey, type Channel, type Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import {
  decodeOffer,
  decodePairingWelcome,
  encodeBegin,
  encodeProof,
  judgeChain,
  limits,
  NewcomerPairing,
  refusalSentences,
  type PairingWelcome,
  type RefusalCode,
  type Role,
} from '@shoal/trust'
import { swarmLimits } from '../../limits.ts'
import type { SwarmPass } from '../files/swarm-pass.ts'
import { DoorQueue, type FoundDoor, type FoundDoors } from './found-doors.ts'
import { framesOf, type FrameTurns } from './frames-of.ts'

export interface KnockDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly transport: Transport
  readonly found: FoundDoors
}

export interface PinWish {
  readonly pin: string
  readonly wants: Role
  /** This peer's public key, for which the member signs. */
  readonly key: Uint8Array
  readonly nowSeconds: number
  readonly signal: AbortSignal | undefined
}

/**
 * Joins a private swarm by the PIN that another machine of the local network shows. Machines that were found are tried one
 * by one. Each one that answers may test one guess of the PIN, so that at most three are tried.
 * @throws {ShoalError} `not-admitted` for a wrong or ended PIN, `peer-vanished` when no machine answers
 */
export async function pairByPin(dependencies: KnockDependencies, wish: PinWish): Promise<SwarmPass> {
  const { clock, logger, found } = dependencies
  let limit = timeLimit(clock, swarmLimits.pairingSearchMs, () => nothingFound(), wish.signal)
  const doors = new DoorQueue(found)
  let tries = 0
  let refusal: RefusalCode | null = null
  const knockAt = (door: FoundDoor): Promise<PairingWelcome | RefusalCode | 'silent'> =>
    knock(dependencies, wish, door, limit.signal).catch((error: unknown) => {
      limit.signal.throwIfAborted()
      logger.debug('door-silent', { addresses: door.addresses, reason: messageOf(error) })
      return 'silent'
    })
  try {
    for (;;) {
      const door = await doors.next(limit.signal)
      const outcome = await knockAt(door)
      if (typeof outcome !== 'string') return await passFrom(outcome, wish)
      if (outcome === 'silent' || outcome === 'full') {
        doors.again(door)
        await sleep(clock, swarmLimits.pairingAgainMs, limit.signal)
        continue
      }
      refusal = outcome
      if (outcome === 'wrong-pin') tries += 1
      if (tries >= limits.maxWrongPins || doors.exhausted()) throw notAdmitted(outcome)
      // It was probably the right machine and a wrong PIN: others get the time in which they announce themselves.
      limit.clear()
      limit = timeLimit(clock, swarmLimits.pairingOthersMs, () => notAdmitted(outcome), wish.signal)
      logger.warn('pin-refused', { reason: refusalSentences[outcome], next: 'other machines are looked for' })
    }
  } catch (error) {
    throw limit.signal.aborted && wish.signal?.aborted !== true && refusal !== null
      ? notAdmitted(refusal)
      : error
  } finally {
    limit.clear()
    doors.close()
  }
}

const notAdmitted = (code: RefusalCode): ShoalError =>
  new ShoalError('not-admitted', `the other machine does not admit this one: ${refusalSentences[code]}`)

const nothingFound = (): ShoalError =>
  new ShoalError(
    'peer-vanished',
    `no machine with an open PIN was found in the local network within ${swarmLimits.pairingSearchMs / 1000} s: run shoal invite --pin there, or give the address that it prints: --join ADDRESS`,
  )

/** One run with one machine. @returns what it gives, or why it gives nothing */
async function knock(
  { clock, random, transport }: KnockDependencies,
  { pin, wants }: PinWish,
  { peerId, addresses }: FoundDoor,
  signal: AbortSignal,
): Promise<PairingWelcome | RefusalCode> {
  const late = (): ShoalError => new ShoalError('peer-vanished', 'the machine did not answer')
  const limit = timeLimit(clock, swarmLimits.pairingTimeoutMs, late, signal)
  let channel: Channel | null = null
  try {
    if (peerId !== null) transport.learn(peerId, addresses)
    const member = peerId ?? (await transport.dial(addresses[0] ?? '', { signal: limit.signal }))
    channel = await transport.open(member, protocols.pair, { signal: limit.signal })
    const frames = framesOf(channel)
    const begin = { nonce: random.bytes(limits.nonceBytes), wants }
    await channel.send(encodeBegin(begin))
    const offer = decodeOffer(await frames.next(limit.signal))
    if (offer.type === 'refused') return offer.code
    const side = {
      pin,
      ends: { member, newcomer: transport.peerId },
      random,
    }
    return await prove(channel, frames, new NewcomerPairing(side, begin, offer), limit.signal)
  } finally {
    limit.clear()
    channel?.abort(new ShoalError('cancelled', 'the pairing is over'))
  }
}

/** Shows that this side knows the PIN. An answer without the other side's own proof counts as a wrong PIN. */
async function prove(
  channel: Channel,
  frames: FrameTurns,
  run: NewcomerPairing,
  signal: AbortSignal,
): Promise<PairingWelcome | RefusalCode> {
  if (run.proof === null) return 'wrong-pin'
  try {
    await channel.send(encodeProof(run.proof))
    const answer = decodePairingWelcome(await frames.next(signal))
    if (answer.type === 'refused') return answer.code
    return run.confirms(answer.tag) ? answer : 'wrong-pin'
  } catch {
    // The other side may have counted this guess even when its answer did not arrive.
    return 'wrong-pin'
  }
}

/** @throws {ShoalError} `not-admitted` when the gift does not let this peer in */
async function passFrom(
  { swarm, gift: { chain, secrets }, addresses }: PairingWelcome,
  { key, nowSeconds }: PinWish,
): Promise<SwarmPass> {
  if (secrets.length === 0) throw notAdmitted('no-grant')
  await judgeChain(chain, { swarm, subject: key, nowSeconds, isRevoked: () => false }, verifyWithKey).catch(
    (error: unknown) => {
      throw new ShoalError('not-admitted', `the other machine gave no valid grant: ${messageOf(error)}`)
    },
  )
  return { swarm, secrets, chain, addresses: addresses.slice(0, swarmLimits.rememberedAddresses) }
}
