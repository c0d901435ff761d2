import { asShoalError, every, ShoalError, type Clock } from '@shoal/host'
import { limits } from '../../../limits.ts'
import type { CallRequest } from '../compute-calls.ts'
import type { ComputeHost, ComputeHostListener } from '../compute-host.ts'
import { AwaitedReplies } from './awaited-replies.ts'
import { checkedReply, isRemoteCall } from './checked-reply.ts'

/** Messages to and from an engine elsewhere, such as a page. Both ends may close it at any time. */
export interface RemoteEngine {
  send(message: object): void
  /** Bytes that have been sent and wait in this process, because the other end does not read. */
  waitingBytes(): number
  /** Ends the connection. Ending twice does nothing. */
  end(error: ShoalError): void
  /** Aborted when the connection has ended, for whatever reason, which is an error that says so. */
  readonly ended: AbortSignal
}

export interface RemoteHost {
  readonly host: ComputeHost
  /** Takes a message of the engine: a reply, or the answer to a beat. @returns false when it is neither */
  take(message: Readonly<Record<string, unknown>>): boolean
}

/**
 * The engine of a device whose calls go through messages to a program that is not trusted. Replies are checked, and an
 * engine that breaks a rule, does not read or is silent for too long is ended: the device then has lost it.
 */
export function startRemoteHost(
  clock: Clock,
  engine: RemoteEngine,
  listener: ComputeHostListener,
): RemoteHost {
  const awaited = new AwaitedReplies(clock.nowMs())
  const exited = Promise.withResolvers<void>()
  const over = (): void => {
    watch.cancel()
    awaited.clear()
    listener.ended(asShoalError(engine.ended.reason))
    exited.resolve()
  }
  const fail = (code: 'bad-frame' | 'not-ready', message: string): void =>
    engine.end(new ShoalError(code, message))
  const watch = every(
    clock,
    limits.remoteBeatMs,
    () => {
      const why = awaited.whyLost(clock.nowMs())
      if (why !== null) return fail('not-ready', why)
      awaited.beatSent()
      engine.send({ kind: 'beat' })
    },
    (error) => engine.end(asShoalError(error)),
  )
  if (engine.ended.aborted) queueMicrotask(over)
  else engine.ended.addEventListener('abort', over, { once: true })
  return {
    host: {
      sharesMemory: false,
      exited: exited.promise,
      post(request: CallRequest) {
        if (!isRemoteCall(request.name))
          throw new ShoalError('unsupported-model', `a remote engine does not answer ${request.name}`)
        if (readsFromDisk(request))
          throw new ShoalError('no-capacity', 'a remote engine has no disk from which weights could come')
        if (engine.waitingBytes() > limits.remoteWaitingBytesMax)
          return fail('not-ready', 'it does not read what it is sent')
        awaited.called(request, clock.nowMs())
        engine.send({ kind: 'call', ...request })
      },
    },
    take(message) {
      awaited.heard(clock.nowMs())
      if (message['kind'] === 'beat') {
        if (!awaited.takeBeat()) fail('bad-frame', 'it answered a beat that it was not sent')
        return true
      }
      if (message['kind'] !== 'reply') return false
      const { id } = message
      const call = awaited.takeCall(id)
      if (typeof id !== 'number' || call === undefined) {
        fail('bad-frame', 'it answered a call that it was not sent')
        return true
      }
      try {
        listener.replied(checkedReply(id, message, call))
        if (call.name === 'stop') engine.end(new ShoalError('not-ready', 'it has been stopped'))
      } catch (error) {
        engine.end(asShoalError(error))
      }
      return true
    },
  }
}

function readsFromDisk({ arguments: fields }: CallRequest): boolean {
  return fields !== null && 'residentBlocks' in fields && fields.residentBlocks !== null
}
