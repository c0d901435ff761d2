import { messageOf, ShoalError, sleep, timeLimit, type Clock, type Logger } from '@shoal/host'
import { formatProfile, parseProfile, type IdentifiedManifest } from '@shoal/model'
import type { Transport } from '@shoal/network'
import { fetchManifest } from '../blobs/fetch.ts'
import { sayHello, type HelloSelf } from '../hello.ts'
import { swarmLimits } from '../limits.ts'
import { packReference, type PackOptions } from './local-manifest.ts'
import { checkReference } from './model-store.ts'
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
 * Dials the addresses until one answers, and learns the swarm's manifest there. While somebody answers that it is not
 * ready itself, all are asked again: nodes that are started together come up in any order.
 * @throws {ShoalError} `peer-vanished` or `not-ready` with each address's reason; `wrong-version`, `wrong-profile`, `wrong-manifest` naming both sides
 */
export async function learnManifest(dependencies: JoinDependencies, options: JoinOptions): Promise<LearnedManifest> {
  const { clock, logger } = dependencies
  const untilMs = clock.nowMs() + swarmLimits.notReadyTimeoutMs
  for (;;) {
    const reasons: string[] = []
    let waits = false
    for (const address of options.join) {
      try {
        return await learnFrom(dependencies, options, address)
      } catch (error) {
        options.signal?.throwIfAborted()
        if (error instanceof ShoalError && !tryNext.has(error.code)) throw error
        waits ||= error instanceof ShoalError && error.code === 'not-ready'
        reasons.push(`${address}: ${messageOf(error)}`)
      }
    }
    if (!waits) throw new ShoalError('peer-vanished', `nobody could be joined. ${reasons.join('. ')}`)
    if (clock.nowMs() >= untilMs) throw new ShoalError('not-ready', `nobody could be joined within ${swarmLimits.notReadyTimeoutMs / 1000} s. ${reasons.join('. ')}`)
    logger.info('swarm-not-ready', { reasons })
    await sleep(clock, swarmLimits.notReadyRetryMs, options.signal)
  }
}

async function learnFrom({ transport, clock, logger }: JoinDependencies, options: JoinOptions, address: string): Promise<LearnedManifest> {
  const limit = timeLimit(clock, swarmLimits.dialTimeoutMs, () => new ShoalError('peer-vanished', `${address} did not answer within ${swarmLimits.dialTimeoutMs / 1000} s`), options.signal)
  try {
    const peer = await transport.dial(address, { signal: limit.signal })
    transport.learn(peer, [address])
    const self: HelloSelf = { agent, role: options.role, manifest: null, profile: null, model: null }
    const answer = await sayHello({ transport, clock }, peer, self, limit.signal)
    if (answer.manifest === null) throw new ShoalError('not-ready', 'it has not joined a swarm itself yet')
    const manifest = await fetchManifest(transport, clock, peer, answer.manifest, limit.signal)
    logger.info('manifest-learned', { peer, manifest: manifest.id, model: manifest.manifest.name })
    await checkWishes(options, manifest)
    return { manifest, peer }
  } finally {
    limit.clear()
  }
}

/** Another address may still answer. */
const tryNext: ReadonlySet<string> = new Set(['peer-vanished', 'deadline-passed', 'not-ready', 'bad-request'])

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
