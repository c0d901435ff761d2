import { messageOf, ShoalError, sleep, timeLimit, type Clock, type Logger } from '@shoal/host'
import { formatProfile, parseProfile, type IdentifiedManifest } from '@shoal/model'
import type { Transport } from '@shoal/network'
import { fetchManifest } from '../blobs/fetch.ts'
import { sayHello, type HelloSelf } from '../hello.ts'
import { swarmLimits } from '../limits.ts'
import { packReference, type PackOptions } from './local-manifest.ts'
import { checkReference } from './model-store.ts'
import { nextStep, type Answer } from './patience.ts'
import type { Reference } from './reference.ts'

/** What this release calls itself. */
export const agent = 'shoal/0.1.0'

export interface JoinOptions extends PackOptions {
  readonly join: readonly string[]
  readonly role: 'node' | 'client'
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  readonly reference: Reference | null
}

/** A local model of at most so many packed bytes is packed whole to name its manifest in a refusal. */
const nameableBytes = 512 * 1024 * 1024

export interface JoinDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

/** A swarm's manifest, and the member that gave it. */
export interface LearnedManifest {
  readonly manifest: IdentifiedManifest
  readonly peer: string
}

/**
 * Asks the addresses (without any: whoever connects to this node) until one answers with the swarm's manifest; null when
 * all of them wait for a model that this node has. `nextStep` says how long: nodes that are started together come up in any order.
 * @throws {ShoalError} `peer-vanished` or `not-ready` with each address's reason; `wrong-version`, `wrong-profile`, `wrong-manifest` naming both sides
 */
export async function learnManifest(dependencies: JoinDependencies, options: JoinOptions): Promise<LearnedManifest | null> {
  const { transport, clock, logger } = dependencies
  const startMs = clock.nowMs()
  let allWaitingSinceMs = startMs
  for (;;) {
    const answers: Answer[] = []
    const reasons: string[] = []
    for (const address of options.join) {
      try {
        return await learnFrom(dependencies, options, address)
      } catch (error) {
        options.signal?.throwIfAborted()
        answers.push(answerOf(error))
        reasons.push(`${address}: ${messageOf(error)}`)
      }
    }
    // Who was told an address trusts that one; who is that one takes what comes first.
    for (const peer of options.join.length === 0 ? transport.connected() : []) {
      const learned = await askVisitor(dependencies, options, peer)
      if (learned !== null) return learned
    }
    const nowMs = clock.nowMs()
    if (answers.includes('making') || !answers.includes('waiting')) allWaitingSinceMs = nowMs
    const step = nextStep({ role: options.role, hasModel: options.reference !== null, answers, elapsedMs: nowMs - startMs, allWaitingMs: nowMs - allWaitingSinceMs })
    if (step === 'create') return null
    if (step === 'give-up') throw nobodyJoined(answers, reasons, nowMs - startMs)
    logger.info('swarm-not-ready', { reasons })
    await sleep(clock, swarmLimits.notReadyRetryMs, options.signal)
  }
}

async function learnFrom(dependencies: JoinDependencies, options: JoinOptions, address: string): Promise<LearnedManifest> {
  const { transport, clock } = dependencies
  const limit = timeLimit(clock, swarmLimits.dialTimeoutMs, () => new ShoalError('peer-vanished', `${address} did not answer within ${swarmLimits.dialTimeoutMs / 1000} s`), options.signal)
  try {
    const peer = await transport.dial(address, { signal: limit.signal })
    transport.learn(peer, [address])
    return await ask(dependencies, options, peer, limit.signal)
  } finally {
    limit.clear()
  }
}

/** Somebody who has dialled us may bring the swarm that we wait for; one that does not is nobody's fault. */
async function askVisitor(dependencies: JoinDependencies, options: JoinOptions, peer: string): Promise<LearnedManifest | null> {
  const limit = timeLimit(dependencies.clock, swarmLimits.helloTimeoutMs, () => new ShoalError('deadline-passed', `${peer} does not answer`), options.signal)
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

async function ask({ transport, clock, logger }: JoinDependencies, options: JoinOptions, peer: string, signal: AbortSignal): Promise<LearnedManifest> {
  const self: HelloSelf = { agent, role: options.role, manifest: null, profile: null, model: null }
  const answer = await sayHello({ transport, clock }, peer, self, signal)
  if (answer.manifest === null) throw notReady(answer.model)
  const manifest = await fetchManifest(transport, clock, peer, answer.manifest, signal)
  logger.info('manifest-learned', { peer, manifest: manifest.id, model: manifest.manifest.name })
  await checkWishes(options, manifest)
  return { manifest, peer }
}

/** Who names a model without a manifest is making the manifest. */
class NotReady extends ShoalError {
  readonly answer: Answer

  constructor(model: string | null) {
    super('not-ready', model === null ? 'it has not joined a swarm itself yet' : `it is still packing ${model}`)
    this.answer = model === null ? 'waiting' : 'making'
  }
}
const notReady = (model: string | null): NotReady => new NotReady(model)

/** @throws the error itself when no other address could help: a refusal, or a bug of ours */
function answerOf(error: unknown): Answer {
  if (error instanceof NotReady) return error.answer
  if (!(error instanceof ShoalError)) throw error
  const answer = answers.get(error.code)
  if (answer === undefined) throw error
  return answer
}

const answers: ReadonlyMap<string, Answer> = new Map([
  ['peer-vanished', 'absent'],
  ['deadline-passed', 'absent'],
  ['not-ready', 'making'],
  ['bad-request', 'useless'],
  ['bad-frame', 'useless'],
])

function nobodyJoined(answers: readonly Answer[], reasons: readonly string[], elapsedMs: number): ShoalError {
  const within = elapsedMs < swarmLimits.notReadyRetryMs ? '' : ` within ${Math.round(elapsedMs / 1000)} s`
  const why = reasons.length === 0 ? 'The only address is this node\'s own, and nobody with a model came' : reasons.join('. ')
  const ready = answers.length > 0 && !answers.includes('making') && !answers.includes('waiting')
  return new ShoalError(ready ? 'peer-vanished' : 'not-ready', `nobody could be joined${within}. ${why}`)
}

/** What the user asked for must be what the swarm has; both are named where it is not. */
async function checkWishes(options: JoinOptions, manifest: IdentifiedManifest): Promise<void> {
  const { reference, weights, kv } = options
  const { profile, name } = manifest.manifest
  if (weights !== undefined || kv !== undefined) {
    const base = profile.weights === 'f32' ? 'f32' : `${profile.weights}:${profile.blockSize}`
    const wished = formatProfile(parseProfile(weights ?? base, kv ?? profile.kv))
    if (wished !== formatProfile(profile)) {
      throw new ShoalError('wrong-profile', `--weights asks for ${wished}, but the swarm serves ${name} with ${formatProfile(profile)}: leave --weights out to take the swarm's, or create another swarm`)
    }
  }
  if (reference === null) return
  const own = await ownManifestId(reference, manifest, options)
  checkReference(reference, manifest, own)
}

/** Null when the model is too large, or too far away, to pack just for a name; its tensors are then compared as they are used. */
async function ownManifestId(reference: Reference, manifest: IdentifiedManifest, options: JoinOptions): Promise<string | null> {
  const { tensors, profile } = manifest.manifest
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  if (reference.remote || bytes > nameableBytes) return null
  // A folder of another name may hold the same model: the name is for people, so the swarm's is taken.
  const named = { ...reference, source: { ...reference.source, name: manifest.manifest.name } }
  const folder = await packReference(named, profile, options)
  await folder.close()
  return folder.manifest.id
}
