import { every, messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { Member, Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { LinkRates } from './link-rates.ts'
import { swarmLimits } from '../limits.ts'
import { probeLink } from './probe-link.ts'

export interface LinkProberDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly membership: Pick<Membership, 'members' | 'links'>
  readonly rates: LinkRates
  /** Whether this node serves sessions now: nobody's tokens wait for a measurement. */
  busy(): boolean
}

/**
 * Measures links that no transfer has measured: a few hundred kilobytes of weights that the other peer holds, a few times,
 * while neither has sessions.
 */
export function createLinkProber(dependencies: LinkProberDependencies): { close(): void } {
  const { transport, clock, logger, membership, rates } = dependencies
  const probedUntilMs = new Map<string, number>()
  /** Answered measurements of peers that are connected: the rates of a large swarm do not remember everybody. */
  const probed = new Map<string, number>()
  const closing = new AbortController()

  const probe = async (peer: string, blob: string, wanted: number): Promise<void> => {
    const { bytes, elapsedMs } = await probeLink(dependencies, peer, blob, wanted, closing.signal)
    // The request's way there and the first byte's way back are a round trip, which is not the bytes' own time.
    const rttMs = (membership.links()[peer] ?? 0) / 1000
    rates.sample(peer, bytes, Math.max(elapsedMs - rttMs, bytes / fastestBytesPerMs))
  }

  const due = ({ record, liveness, load }: Member): boolean =>
    record.peerId !== transport.peerId &&
    liveness === 'alive' &&
    record.state === 'serving' &&
    record.span !== null &&
    (load?.sessions ?? 0) === 0 &&
    Math.max(rates.samples(record.peerId), probed.get(record.peerId) ?? 0) < swarmLimits.probes &&
    (probedUntilMs.get(record.peerId) ?? 0) <= clock.nowMs()

  const turn = async (): Promise<void> => {
    if (dependencies.busy()) return
    const connected = new Set(transport.connected())
    for (const seen of [probed, probedUntilMs])
      for (const peer of seen.keys()) if (!connected.has(peer)) seen.delete(peer)
    const next = membership.members().find((member) => connected.has(member.record.peerId) && due(member))
    if (next === undefined) return
    const { peerId, span } = next.record
    const tensor = largestTensor(dependencies.manifest, span?.start ?? 0)
    // The blocks of a toy fit in a few packets: there is nothing to measure with.
    if (tensor === undefined || tensor.bytes < swarmLimits.probeBytesMin) {
      probedUntilMs.set(peerId, Number.POSITIVE_INFINITY)
      return
    }
    probedUntilMs.set(peerId, clock.nowMs() + swarmLimits.probeAgainMs)
    await probe(peerId, tensor.sha256, Math.min(tensor.bytes, swarmLimits.probeBytes))
    // It answered: its next measurement need not wait.
    probedUntilMs.delete(peerId)
    probed.set(peerId, (probed.get(peerId) ?? 0) + 1)
  }

  const timer = every(clock, swarmLimits.probeIntervalMs, turn, (error) =>
    logger.debug('link-not-measured', { reason: messageOf(error) }),
  )
  return {
    close() {
      timer.cancel()
      closing.abort(new ShoalError('cancelled', 'the node is stopping'))
    },
  }
}

/** 10 Gbit/s: a higher figure says nothing about a link any more. */
const fastestBytesPerMs = 1_250_000

function largestTensor(
  { manifest }: IdentifiedManifest,
  block: number,
): { readonly sha256: string; readonly bytes: number } | undefined {
  const own = manifest.tensors.filter(({ name }) => name.startsWith(`block-${block}.`))
  return own.reduce<(typeof own)[number] | undefined>(
    (largest, tensor) => (largest === undefined || tensor.bytes > largest.bytes ? tensor : largest),
    undefined,
  )
}
