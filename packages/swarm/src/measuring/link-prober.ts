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
  /** Whether this node serves sessions now: tokens must not wait for a measurement. */
  busy(): boolean
}

/**
 * Measures links that no transfer has measured, by reading a few hundred kilobytes of weights that the other peer holds, a
 * few times, while neither peer has sessions.
 */
export function createLinkProber(dependencies: LinkProberDependencies): { close(): void } {
  const { transport, clock, logger, membership, rates } = dependencies
  const probedUntilMs = new Map<string, number>()
  /** Measurements of connected peers, by peer. `rates` forgets peers of large swarms. */
  const probed = new Map<string, number>()
  const closing = new AbortController()

  const probe = async (peer: string, blob: string, wanted: number): Promise<void> => {
    const { bytes, elapsedMs } = await probeLink(dependencies, peer, blob, wanted, closing.signal)
    // The time includes one round trip, for the request and the first byte.
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
    // The blocks of a toy model fit into a few packets, which are too short to measure with.
    if (tensor === undefined || tensor.bytes < swarmLimits.probeBytesMin) {
      probedUntilMs.set(peerId, Number.POSITIVE_INFINITY)
      return
    }
    probedUntilMs.set(peerId, clock.nowMs() + swarmLimits.probeAgainMs)
    await probe(peerId, tensor.sha256, Math.min(tensor.bytes, swarmLimits.probeBytes))
    // The peer answered, so that its next measurement need not wait.
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

/** 10 Gbit/s: a higher value says nothing about the link. */
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
