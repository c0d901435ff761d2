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

/** What a lookup came to. */
export interface LookedUp<Found> {
  readonly found: Found | null
  /** For a sentence: how many were named, and why those that were asked are not it. */
  readonly named: number
  readonly reasons: readonly string[]
}

/**
 * Asks the directory who serves any of `topics`, and then those nodes themselves, a few at a time: an entry is a hint,
 * only what `ask` learns counts. Everything is bounded: the wait for a peer, the search, nodes asked, and the time for each.
 * @param ask says hello to a node whose addresses are learned; rejects when it is not what is wanted
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

/** Providers of any of the topics, as many as may be asked, within the time for it. */
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
        // Where one is named the others soon are: one peer that is silent must not hold up those that answered.
        if (found.size === 0)
          grace = clock.after(swarmLimits.directoryGraceMs, () =>
            enough.abort(new ShoalError('deadline-passed', 'enough was found')),
          )
        found.set(provider.peerId, provider)
        if (found.size >= swarmLimits.directoryCandidates) return [...found.values()]
      }
    }
  } catch (error) {
    // What was found until then is worth asking.
    signal?.throwIfAborted()
    logger.debug('directory-search-ended', { found: found.size, reason: messageOf(error) })
  } finally {
    limit.clear()
    grace?.cancel()
  }
  return [...found.values()]
}

/** Each with its own signed word, where that can be found in time. */
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
