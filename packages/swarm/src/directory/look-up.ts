import { messageOf, ShoalError, timeLimit, type Clock, type Logger, type Timer } from '@shoal/host'
import { openHardware } from '@shoal/membership'
import type { Directory, Provider, Transport } from '@shoal/network'
import { swarmLimits } from '../limits.ts'
import { addressesOf, rankCandidates, type Candidate, type Wish } from './rank.ts'

export interface LookUpDependencies {
  readonly directory: Directory
  readonly transport: Pick<Transport, 'learn' | 'verify'>
  readonly clock: Clock
  readonly logger: Logger
}

/** The result of a lookup. */
export interface LookedUp<Found> {
  readonly found: Found | null
  /** Number of nodes that the directory named. */
  readonly named: number
  /** Why the nodes that were asked do not fit, one sentence each. */
  readonly reasons: readonly string[]
}

/**
 * Asks the directory which nodes serve any of `topics`, and then these nodes themselves, a few at a time. An entry is only
 * a hint; `ask` decides. Limited are the wait for a peer of the directory, the search, the nodes asked and the time of each.
 * @param ask says hello to a node whose addresses the transport has learned; rejects when the node does not fit
 */
export async function lookUp<Found>(
  dependencies: LookUpDependencies,
  topics: readonly string[],
  wish: Wish,
  ask: (peer: string, signal: AbortSignal) => Promise<Found>,
  signal?: AbortSignal,
): Promise<LookedUp<Found>> {
  const { transport, clock, logger } = dependencies
  const candidates = rankCandidates(
    await describe(dependencies, await gather(dependencies, topics, signal), signal),
    wish,
  )
  const reasons: string[] = []
  let found: Found | null = null
  const done = new AbortController()
  const waiting = [...candidates]

  const askNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && found === null; next = waiting.shift()) {
      const { peerId } = next.provider
      const limit = timeLimit(
        clock,
        swarmLimits.directoryAskMs,
        () =>
          new ShoalError('peer-vanished', `it did not answer within ${swarmLimits.directoryAskMs / 1000} s`),
        AbortSignal.any([done.signal, ...(signal === undefined ? [] : [signal])]),
      )
      try {
        transport.learn(peerId, addressesOf(next))
        const answer = await ask(peerId, limit.signal)
        found ??= answer
        done.abort(new ShoalError('cancelled', 'another node was found first'))
      } catch (error) {
        signal?.throwIfAborted()
        if (found === null) reasons.push(`${peerId}: ${messageOf(error)}`)
      } finally {
        limit.clear()
      }
    }
  }
  await Promise.all(Array.from({ length: swarmLimits.directoryAsksAtOnce }, askNext))
  logger.info('directory-searched', { named: candidates.length, found: found !== null, reasons })
  return { found, named: candidates.length, reasons }
}

/** Providers of any of the topics, limited in number and time. */
async function gather(
  { directory, clock, logger }: LookUpDependencies,
  topics: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Provider[]> {
  const found = new Map<string, Provider>()
  const enough = new AbortController()
  let grace: Timer | undefined
  const limit = timeLimit(
    clock,
    swarmLimits.directorySearchMs,
    () =>
      new ShoalError(
        'deadline-passed',
        `the directory was silent for ${swarmLimits.directorySearchMs / 1000} s`,
      ),
    AbortSignal.any([enough.signal, ...(signal === undefined ? [] : [signal])]),
  )
  try {
    await directory.whenReady(limit.signal)
    for (const topic of topics) {
      for await (const provider of directory.providers(topic, { signal: limit.signal })) {
        // The other nodes are named soon after the first, and a silent peer must not delay those that answered.
        if (found.size === 0)
          grace = clock.after(swarmLimits.directoryGraceMs, () =>
            enough.abort(new ShoalError('deadline-passed', 'enough was found')),
          )
        found.set(provider.peerId, provider)
        if (found.size >= swarmLimits.directoryCandidates) return [...found.values()]
      }
    }
  } catch (error) {
    // The nodes that were found until then are asked.
    signal?.throwIfAborted()
    logger.debug('directory-search-ended', { found: found.size, reason: messageOf(error) })
  } finally {
    limit.clear()
    grace?.cancel()
  }
  return [...found.values()]
}

/** Adds each node's own signed record, if it can be found in time. */
function describe(
  { directory, transport, clock, logger }: LookUpDependencies,
  providers: readonly Provider[],
  signal?: AbortSignal,
): Promise<Candidate[]> {
  const limit = timeLimit(
    clock,
    swarmLimits.directoryGraceMs,
    () => new ShoalError('deadline-passed', 'records were not found in time'),
    signal,
  )
  return Promise.all(
    providers.map(async (provider): Promise<Candidate> => {
      try {
        const bytes = await directory.find(provider.peerId, { signal: limit.signal })
        return {
          provider,
          record:
            bytes === null
              ? null
              : await openHardware(provider.peerId, bytes, (peerId, body, signature) =>
                  transport.verify(peerId, body, signature),
                ),
        }
      } catch (error) {
        signal?.throwIfAborted()
        logger.debug('hardware-record-missing', { peer: provider.peerId, reason: messageOf(error) })
        return { provider, record: null }
      }
    }),
  ).finally(() => limit.clear())
}
