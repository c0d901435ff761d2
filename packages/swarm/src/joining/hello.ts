import { isErrorCode, messageOf, onAbort, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { decodeHello, encodeHello, protocols, protocolVersion, type Hello } from '@shoal/protocol'
import { swarmLimits } from '../limits.ts'

/** This peer's own hello. `manifest` is null while the peer wants to learn the swarm's. */
export type HelloSelf = Omit<Hello, 'type' | 'version'>

export interface HelloDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

const describe = (hello: { manifest: string | null; model: string | null; profile: string | null }): string =>
  `${hello.model ?? 'unknown model'} (manifest ${hello.manifest?.slice(0, 12) ?? 'none'}, weights ${hello.profile ?? 'unknown'})`

/**
 * Why two peers cannot be in one swarm; the message names both sides. Pure.
 * @returns null when they can
 */
export function disagreement(self: HelloSelf, other: Hello): ShoalError | null {
  if (other.version !== protocolVersion) {
    const side = other.version < protocolVersion ? 'the other peer' : 'this peer'
    return new ShoalError(
      'wrong-version',
      `protocol version ${protocolVersion} here, ${other.version} there (${other.agent}): update ${side}`,
    )
  }
  if (self.manifest === null || other.manifest === null || self.manifest === other.manifest) return null
  const code =
    self.profile !== other.profile && self.model === other.model ? 'wrong-profile' : 'wrong-manifest'
  return new ShoalError(
    code,
    `this peer has ${describe(self)}, the swarm has ${describe(other)}: start with the swarm's model and --weights, or create another swarm`,
  )
}

/**
 * Answers hellos with this peer's own hello. Each side then checks for itself whether they fit, so that its refusal is
 * worded from its point of view. A peer that ignores a refusal is refused by all other protocols, which carry the manifest.
 */
export function serveHello({ transport, clock, logger }: HelloDependencies, self: () => HelloSelf): void {
  transport.handle(protocols.hello, (channel) => {
    const timer = clock.after(swarmLimits.helloTimeoutMs, () =>
      channel.abort(
        new ShoalError('deadline-passed', `no hello came within ${swarmLimits.helloTimeoutMs} ms`),
      ),
    )
    channel.onClose(() => timer.cancel())
    let answered = false
    channel.onFrame(async (frame) => {
      try {
        const message = decodeHello(frame)
        if (message.type !== 'hello' || answered)
          throw new ShoalError('bad-frame', 'a hello channel opens with hello, once')
        answered = true
        const own = self()
        const problem = disagreement(own, message)
        if (problem !== null)
          logger.warn('peer-refused', {
            peer: channel.remotePeer,
            code: problem.code,
            reason: problem.message,
          })
        const { fetchedBytes: _fetchedBytes, ...toStrangers } = own
        const told = own.manifest !== null && own.manifest === message.manifest ? own : toStrangers
        await channel.send(...encodeHello({ type: 'hello', version: protocolVersion, ...told }))
        await channel.close()
      } catch (error) {
        logger.debug('hello-failed', { peer: channel.remotePeer, reason: messageOf(error) })
        channel.abort(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
  })
}

/**
 * Introduces this peer to another one and checks that they fit.
 * @throws {ShoalError} `wrong-version`, `wrong-manifest`, `wrong-profile` (each names both), `bad-frame`, `peer-vanished`, `deadline-passed`
 */
export async function sayHello(
  { transport, clock }: Omit<HelloDependencies, 'logger'>,
  peer: string,
  self: HelloSelf,
  signal: AbortSignal,
): Promise<Hello> {
  const limit = timeLimit(
    clock,
    swarmLimits.helloTimeoutMs,
    () =>
      new ShoalError(
        'deadline-passed',
        `${peer} did not answer hello within ${swarmLimits.helloTimeoutMs} ms`,
      ),
    signal,
  )
  try {
    const answer = decodeHello(
      await exchange(
        transport,
        peer,
        encodeHello({ type: 'hello', version: protocolVersion, ...self }),
        limit.signal,
      ),
    )
    if (answer.type === 'refused')
      throw new ShoalError(
        isErrorCode(answer.code) ? answer.code : 'wrong-version',
        `${peer} refuses: ${answer.message}`,
      )
    const problem = disagreement(self, answer)
    if (problem !== null) throw problem
    return answer
  } finally {
    limit.clear()
  }
}

/** Sends one frame and returns the answer. */
async function exchange(
  transport: Transport,
  peer: string,
  question: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const channel = await transport.open(peer, protocols.hello, { signal })
  const { promise: answered, resolve, reject } = Promise.withResolvers<Uint8Array>()
  channel.onFrame((frame) => resolve(frame))
  channel.onClose((error) =>
    reject(
      signal.aborted
        ? signal.reason
        : new ShoalError('peer-vanished', `${peer} closed the connection before it answered hello`, {
            cause: error,
          }),
    ),
  )
  const stopListening = onAbort(signal, () =>
    channel.abort(
      signal.reason instanceof Error ? signal.reason : new ShoalError('cancelled', 'hello was given up'),
    ),
  )
  try {
    const [answer] = await Promise.all([answered, channel.send(...question)])
    await channel.close()
    return answer
  } catch (error) {
    channel.abort(new ShoalError('cancelled', 'hello has failed', { cause: error }))
    throw signal.aborted ? signal.reason : error
  } finally {
    stopListening()
  }
}
