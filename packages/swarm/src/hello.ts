import { isErrorCode, messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { decodeHello, encodeHello, protocols, protocolVersion, type Hello } from '@shoal/protocol'
import { swarmLimits } from './limits.ts'

/** What this peer says of itself. `manifest` is null while it wants to learn the swarm's. */
export type HelloSelf = Omit<Hello, 'type' | 'version'>

const describe = (hello: { manifest: string | null; model: string | null; profile: string | null }): string =>
  `${hello.model ?? 'unknown model'} (manifest ${hello.manifest?.slice(0, 12) ?? 'none'}, weights ${hello.profile ?? 'unknown'})`

/**
 * Whether two peers can be in one swarm; the sentence names both sides. Pure.
 * @returns null when they can
 */
export function disagreement(self: HelloSelf, other: Hello): ShoalError | null {
  if (other.version !== protocolVersion) {
    const side = other.version < protocolVersion ? 'the other peer' : 'this peer'
    return new ShoalError('wrong-version', `protocol version ${protocolVersion} here, ${other.version} there (${other.agent}): update ${side}`)
  }
  if (self.manifest === null || other.manifest === null || self.manifest === other.manifest) return null
  const code = self.profile !== other.profile && self.model === other.model ? 'wrong-profile' : 'wrong-manifest'
  return new ShoalError(code, `this peer has ${describe(self)}, the swarm has ${describe(other)}: start with the swarm's model and --weights, or create another swarm`)
}

/**
 * Answers hellos with this peer's own: each side then sees for itself whether they fit, and words the refusal from its
 * own point of view. A peer that goes on regardless is refused by every other protocol, which all carry the manifest.
 */
export function serveHello(transport: Transport, self: () => HelloSelf, logger: Logger): void {
  transport.handle(protocols.hello, (channel) => {
    channel.onFrame(async (frame) => {
      try {
        const message = decodeHello(frame)
        if (message.type !== 'hello') throw new ShoalError('bad-frame', 'a hello channel opens with hello')
        const problem = disagreement(self(), message)
        if (problem !== null) logger.warn('peer-refused', { peer: channel.remotePeer, code: problem.code, reason: problem.message })
        await channel.send(...encodeHello({ type: 'hello', version: protocolVersion, ...self() }))
        await channel.close()
      } catch (error) {
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
  })
}

/**
 * Introduces this peer to another one and checks that they fit.
 * @throws {ShoalError} `wrong-version`, `wrong-manifest`, `wrong-profile` (each names both), `peer-vanished`, `deadline-passed`
 */
export async function sayHello(transport: Transport, clock: Clock, peer: string, self: HelloSelf, signal: AbortSignal): Promise<Hello> {
  const channel = await transport.open(peer, protocols.hello, { signal })
  try {
    await channel.send(...encodeHello({ type: 'hello', version: protocolVersion, ...self }))
    const answer = decodeHello(await nextFrame(channel, clock, signal))
    if (answer.type === 'refused') throw new ShoalError(isErrorCode(answer.code) ? answer.code : 'wrong-version', answer.message)
    const problem = disagreement(self, answer)
    if (problem !== null) throw problem
    return answer
  } finally {
    await channel.close().catch(() => channel.abort(new Error('hello ended')))
  }
}

function nextFrame(channel: Channel, clock: Clock, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(swarmLimits.helloTimeoutMs, () => {
      reject(new ShoalError('deadline-passed', `${channel.remotePeer} did not answer hello within ${swarmLimits.helloTimeoutMs} ms`))
    })
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    channel.onFrame((frame) => {
      timer.cancel()
      resolve(frame)
    })
    channel.onClose((error) => {
      timer.cancel()
      reject(new ShoalError('peer-vanished', `${channel.remotePeer} closed the connection before it answered hello`, { cause: error }))
    })
  })
}
