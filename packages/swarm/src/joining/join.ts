import { failureCodes, isMovable, isUnanswered, messageOf, ShoalError, sleep, timeLimit } from '@shoal/host'
import { swarmLimits } from '../limits.ts'
import {
  checkWishes,
  fetchFrom,
  NotReady,
  type JoinDependencies,
  type JoinOptions,
  type LearnedManifest,
} from './ask-peer.ts'
import { findInDirectory } from '../directory/find-in-directory.ts'
import { nextStep, type Answer } from './join-patience.ts'

/**
 * Asks the addresses of `join` for the swarm's manifest, round by round, until one answers; a node without addresses asks
 * the peers that connect to it. `nextStep` decides how long. When a model is wanted and the peers that answer serve another
 * one or none, the directory that they take part in is asked for a node that serves it.
 * @returns null when every peer that answers waits for a model that this node has
 * @throws {ShoalError} `peer-vanished` or `not-ready` with each address's reason; `wrong-version`, `wrong-profile`, `wrong-manifest` naming both sides
 */
export async function learnManifest(
  dependencies: JoinDependencies,
  options: JoinOptions,
): Promise<LearnedManifest | null> {
  const { transport, clock, logger } = dependencies
  const startMs = clock.nowMs()
  let allWaitingSinceMs = startMs
  for (let round = 0; ; round += 1) {
    const answers: Answer[] = []
    const reasons: string[] = []
    let unfit: ShoalError | null = null
    for (const address of options.join) {
      try {
        return await learnFrom(dependencies, options, address)
      } catch (error) {
        options.signal?.throwIfAborted()
        if (error instanceof ShoalError && ofOthers.has(error.code)) unfit ??= error
        answers.push(answerOf(error))
        reasons.push(reasonAt(address, messageOf(error)))
      }
    }
    // A node that was given addresses trusts these only. A node without any is the address that others were given, so
    // it trusts its first visitor.
    for (const peer of options.join.length === 0 ? transport.connected() : []) {
      const learned = await askVisitor(dependencies, options, peer)
      if (learned !== null) return learned
    }
    const others = unfit !== null || answers.includes('making') || answers.includes('waiting')
    const searched =
      others && round % swarmLimits.directoryRounds === 0
        ? await findInDirectory(dependencies, options)
        : null
    if (searched !== null && searched.found !== null) return searched.found
    const nowMs = clock.nowMs()
    if (answers.includes('making') || !answers.includes('waiting')) allWaitingSinceMs = nowMs
    const step = nextStep({
      role: options.role,
      hasModel: options.reference !== null,
      answers,
      elapsedMs: nowMs - startMs,
      allWaitingMs: nowMs - allWaitingSinceMs,
    })
    if (step === 'create') return null
    if (step === 'give-up' && unfit !== null)
      throw searched === null
        ? unfit
        : new ShoalError(unfit.code, `${unfit.message}. ${searched.sentence}`, { cause: unfit })
    if (step === 'give-up') throw nobodyJoined(answers, reasons, nowMs - startMs)
    if (round === 0) {
      logger.info('swarm-not-ready', { reasons })
      options.onWait?.(`waiting for the swarm. ${reasons.join('. ')}`)
    } else logger.debug('swarm-not-ready', { reasons })
    await sleep(clock, swarmLimits.notReadyRetryMs, options.signal)
  }
}

async function learnFrom(
  dependencies: JoinDependencies,
  options: JoinOptions,
  address: string,
): Promise<LearnedManifest> {
  const { transport, clock } = dependencies
  const limit = timeLimit(
    clock,
    swarmLimits.dialTimeoutMs,
    () =>
      new ShoalError(
        'peer-vanished',
        `${address} did not answer within ${swarmLimits.dialTimeoutMs / 1000} s`,
      ),
    options.signal,
  )
  try {
    const peer = await transport.dial(address, { signal: limit.signal })
    transport.learn(peer, [address])
    return await ask(dependencies, options, peer, limit.signal)
  } finally {
    limit.clear()
  }
}

/** A peer that has dialled this node may belong to the swarm that the node waits for. @returns null when it does not */
async function askVisitor(
  dependencies: JoinDependencies,
  options: JoinOptions,
  peer: string,
): Promise<LearnedManifest | null> {
  const limit = timeLimit(
    dependencies.clock,
    swarmLimits.helloTimeoutMs,
    () => new ShoalError('deadline-passed', `${peer} does not answer`),
    options.signal,
  )
  try {
    return await ask(dependencies, options, peer, limit.signal)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!(error instanceof ShoalError)) throw error
    dependencies.logger.debug('visitor-has-no-swarm', { peer, reason: error.message })
    return null
  } finally {
    limit.clear()
  }
}

async function ask(
  dependencies: JoinDependencies,
  options: JoinOptions,
  peer: string,
  signal: AbortSignal,
): Promise<LearnedManifest> {
  const learned = await fetchFrom(dependencies, options, peer, signal)
  await checkWishes(options, learned.manifest)
  return learned
}

/** @throws the error itself when no other address could help: a refusal by the swarm, or a bug in this program */
function answerOf(error: unknown): Answer {
  if (error instanceof NotReady) return error.answer
  if (!(error instanceof ShoalError)) throw error
  // Wrong or malformed answers of one peer say nothing about the other addresses.
  if (failureCodes[error.code].fault === 'peer') return 'useless'
  if (!isMovable(error.code, 'joining')) throw error
  if (isUnanswered(error.code)) return 'absent'
  return error.code === 'not-ready' ? 'making' : 'useless'
}

/** Codes of peers that belong to another swarm. */
const ofOthers: ReadonlySet<string> = new Set(['wrong-manifest', 'wrong-profile'])

function nobodyJoined(answers: readonly Answer[], reasons: readonly string[], elapsedMs: number): ShoalError {
  const within = elapsedMs < swarmLimits.notReadyRetryMs ? '' : ` within ${Math.round(elapsedMs / 1000)} s`
  const why =
    reasons.length === 0
      ? "The only address is this node's own, and nobody with a model came"
      : reasons.join('. ')
  const ready = answers.length > 0 && !answers.includes('making') && !answers.includes('waiting')
  const gone = answers.length > 0 && answers.every((answer) => answer === 'absent')
  const way = gone ? '. Is the node still running? It prints its addresses when it starts' : ''
  return new ShoalError(
    ready ? 'peer-vanished' : 'not-ready',
    `nobody could be joined${within}. ${why}${way}`,
  )
}

/** A reason with its address, which most reasons name themselves, as a whole or as the peer and the way to it. */
function reasonAt(address: string, reason: string): string {
  const [way = '', peer = ''] = address.split(/\/p2p\/(?=[^/]*$)/)
  return peer !== '' && reason.includes(peer) && reason.includes(way) ? reason : `${address}: ${reason}`
}
