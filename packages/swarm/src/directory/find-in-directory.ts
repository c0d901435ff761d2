import { createSerialQueue, messageOf, ShoalError, timeLimit } from '@shoal/host'
import { formatProfile } from '@shoal/model'
import { lookUp } from './look-up.ts'
import { manifestTopic, modelTopic, modelTopicOf } from './topics.ts'
import { swarmLimits } from '../limits.ts'
import {
  checkWishes,
  fetchFrom,
  type JoinDependencies,
  type JoinOptions,
  type LearnedManifest,
} from '../joining/ask-peer.ts'
import { chooseProfile } from '../weights/profile/choose-profile.ts'

/** The result of a search in the directory; `sentence` describes it to the user. */
export interface Searched {
  readonly found: LearnedManifest | null
  readonly sentence: string
}

/**
 * Searches the directory for a node of the wanted swarm. Its manifest is checked like that of any other peer.
 * @returns null when the options name neither model nor manifest, and when there is no directory
 */
export async function findInDirectory(
  dependencies: JoinDependencies,
  options: JoinOptions,
): Promise<Searched | null> {
  const { directory } = dependencies
  const { reference, manifestId, weights, kv, signal } = options
  if (directory === null || (reference === null && manifestId === undefined)) return null
  const model = reference === null ? null : modelTopicOf(reference.source)
  const topics = [
    ...(manifestId === undefined ? [] : [manifestTopic(manifestId)]),
    ...(model === null ? [] : [model]),
  ]
  const profile =
    reference === null ? null : formatProfile(await chooseProfile(reference, { weights, kv }, signal))
  const asked = weights !== undefined || kv !== undefined
  const wish = { manifest: manifestId ?? null, profile: asked ? profile : null, preferredProfile: profile }
  // One check at a time: a check may pack the local model, and several nodes answer at once.
  const checks = createSerialQueue()
  const ask = async (peer: string, ended: AbortSignal): Promise<LearnedManifest> => {
    const learned = await fetchFrom(dependencies, options, peer, ended)
    // Only a peer that the user named may serve the model under another name.
    if (model !== null && modelTopic(learned.manifest.manifest) !== model)
      throw new ShoalError(
        'wrong-manifest',
        `it serves ${learned.manifest.manifest.name} (manifest ${learned.manifest.id.slice(0, 12)}), which is entered under a model that it is not`,
      )
    await checks.run(() => checkWishes(options, learned.manifest))
    return learned
  }
  const { found, named, reasons } = await lookUp({ ...dependencies, directory }, topics, wish, ask, signal)
  if (found !== null)
    return { found, sentence: `The directory of that network names ${named}; ${found.peer} has it` }
  const sentence =
    named === 0
      ? 'The directory of that network names no node that serves what is wanted'
      : `The directory of that network names ${named}, none of which can be joined: ${reasons.join('; ')}`
  return { found, sentence }
}

/** Searches the directory of the bootstrap peers for a swarm of the wanted model. */
export async function findByBootstrap(
  joining: JoinDependencies,
  options: JoinOptions,
  bootstrap: readonly string[],
): Promise<LearnedManifest | null> {
  const { signal } = options
  const { transport, clock, logger } = joining
  if (bootstrap.length === 0) return null
  const limit = timeLimit(
    clock,
    swarmLimits.dialTimeoutMs,
    () => new ShoalError('peer-vanished', 'it did not answer'),
    signal,
  )
  const dialled = await Promise.allSettled(
    bootstrap.map((address) => transport.dial(address, { signal: limit.signal })),
  ).finally(() => limit.clear())
  signal?.throwIfAborted()
  for (const [index, outcome] of dialled.entries())
    if (outcome.status === 'rejected')
      logger.warn('bootstrap-silent', { address: bootstrap[index], reason: messageOf(outcome.reason) })
  // A swarm may be created before its bootstrap peers are up: the publisher dials them again.
  if (dialled.every(({ status }) => status === 'rejected')) return null
  const searched = await findInDirectory(joining, options)
  logger.info('swarm-searched', { outcome: searched?.sentence })
  return searched?.found ?? null
}
