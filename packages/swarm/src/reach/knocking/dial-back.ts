import { messageOf, onAbort, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import { isRelayed, placeOfNetwork, reachOf, type Transport } from '@shoal/network'
import { decodeDialBack, encodeDialBack, protocols } from '@shoal/protocol'
import { swarmLimits } from '../../limits.ts'

export interface DialBackDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly transport: Pick<Transport, 'open' | 'path' | 'networkOf'>
}

/** What members have found at an address. */
interface Verdict {
  readonly dialable: boolean
  /** When it is to be tried again. */
  readonly nextMs: number
}

/**
 * Asks members from elsewhere whether they can dial this node at its addresses of the internet. A firewall may stand before
 * an address that an interface has; peers that believe such an address wait for it in vain. An address counts as dialable
 * until all members that could try it have failed, so that one that lies hides nobody who has another member.
 */
export class DialBacks {
  readonly #parts: DialBackDependencies
  readonly #verdicts = new Map<string, Verdict>()

  constructor(dependencies: DialBackDependencies) {
    this.#parts = dependencies
  }

  /** The addresses that are not known to be closed. */
  believed(addresses: readonly string[]): readonly string[] {
    return addresses.filter((address) => this.#verdicts.get(address)?.dialable !== false)
  }

  /** Tries the addresses that are due. Never rejects. @param members those that are alive */
  async turn(addresses: readonly string[], members: readonly string[]): Promise<void> {
    const { clock } = this.#parts
    const outside = addresses.filter((address) => !isRelayed(address) && reachOf([address]) === 'internet')
    for (const known of this.#verdicts.keys()) if (!outside.includes(known)) this.#verdicts.delete(known)
    const asked = this.#fromElsewhere(members)
    if (asked.length === 0) return
    const due = outside.filter((address) => (this.#verdicts.get(address)?.nextMs ?? 0) <= clock.nowMs())
    await Promise.all(due.map((address) => this.#try(address, asked)))
  }

  /** Members that are connected from the internet without a relay, from different networks if possible. */
  #fromElsewhere(members: readonly string[]): readonly string[] {
    const { transport } = this.#parts
    const networks = new Map<string, string[]>()
    for (const peer of members) {
      const network = transport.networkOf?.(peer) ?? null
      if (network === null || placeOfNetwork(network) !== 'internet') continue
      if (transport.path?.(peer)?.kind === 'direct')
        networks.set(network, [...(networks.get(network) ?? []), peer])
    }
    const [firsts, others] = [[...networks.values()].flatMap((peers) => peers.slice(0, 1)), networks.values()]
    return [...firsts, ...[...others].flatMap((peers) => peers.slice(1))].slice(
      0,
      swarmLimits.dialBackMembers,
    )
  }

  async #try(address: string, members: readonly string[]): Promise<void> {
    const { clock, logger } = this.#parts
    const before = this.#verdicts.get(address)?.dialable ?? true
    // Not tried again while this is under way.
    this.#verdicts.set(address, { dialable: before, nextMs: Number.POSITIVE_INFINITY })
    const answers = (await Promise.all(members.map((peer) => this.#ask(peer, address)))).filter(
      (answer) => answer !== null,
    )
    const dialable = answers.length === 0 ? before : answers.includes(true)
    const pauseMs = answers.includes(true) ? swarmLimits.dialBackAgainMs : swarmLimits.dialBackSoonMs
    this.#verdicts.set(address, { dialable, nextMs: clock.nowMs() + pauseMs })
    if (dialable === before) return
    if (dialable) logger.info('address-reached', { address })
    else logger.warn('address-unreachable', { address, asked: answers.length })
  }

  /** @returns null when the member could not try */
  async #ask(peer: string, address: string): Promise<boolean | null> {
    const { clock, logger, transport } = this.#parts
    const limit = timeLimit(
      clock,
      2 * swarmLimits.dialBackMs,
      () => new ShoalError('deadline-passed', `${peer} did not say whether it can dial this node`),
    )
    try {
      return await askAt(transport, peer, address, limit.signal)
    } catch (error) {
      logger.debug('dial-back-failed', { peer, reason: messageOf(error) })
      return null
    } finally {
      limit.clear()
    }
  }
}

async function askAt(
  transport: Pick<Transport, 'open'>,
  peer: string,
  address: string,
  signal: AbortSignal,
): Promise<boolean | null> {
  const channel = await transport.open(peer, protocols.dialBack, { signal })
  const answer = Promise.withResolvers<boolean | null>()
  channel.onFrame((frame) => {
    const message = decodeDialBack(frame)
    answer.resolve(message.type === 'dialled-back' ? message.answered : null)
  })
  channel.onClose((error) => answer.reject(error ?? new ShoalError('peer-vanished', `${peer} said nothing`)))
  const stop = onAbort(signal, () =>
    channel.abort(new ShoalError('cancelled', 'the dial-back took too long')),
  )
  try {
    const [answered] = await Promise.all([
      answer.promise,
      channel.send(...encodeDialBack({ type: 'dial-back', address })),
    ])
    await channel.close()
    return answered
  } finally {
    stop()
  }
}
