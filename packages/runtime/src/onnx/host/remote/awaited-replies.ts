import { limits } from '../../../limits.ts'
import type { CallName, CallRequest } from '../compute-calls.ts'
import { awaitedCall, type AwaitedCall } from './checked-reply.ts'

/** Calls that take long: loading tries a block in every grouping of rows, and the class is that of a whole probe. */
const slowCalls: ReadonlySet<CallName> = new Set(['numeric-class', 'load-blocks'])

/** What a remote engine owes: replies to calls, and answers to beats. */
export class AwaitedReplies {
  readonly #calls = new Map<number, AwaitedCall & { readonly sinceMs: number }>()
  #beats = 0
  #heardMs: number

  constructor(nowMs: number) {
    this.#heardMs = nowMs
  }

  called(request: CallRequest, nowMs: number): void {
    this.#calls.set(request.id, { ...awaitedCall(request), sinceMs: nowMs })
  }

  beatSent(): void {
    this.#beats += 1
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs
  }

  /** @returns whether one was owed */
  takeBeat(): boolean {
    this.#beats -= 1
    return this.#beats >= 0
  }

  /** The call that a reply answers; undefined when it was not sent, or was answered before. */
  takeCall(id: unknown): AwaitedCall | undefined {
    const call = typeof id === 'number' ? this.#calls.get(id) : undefined
    if (typeof id === 'number') this.#calls.delete(id)
    return call
  }

  clear(): void {
    this.#calls.clear()
  }

  /** Why the engine is lost; null while it is not. */
  whyLost(nowMs: number): string | null {
    const calls = [...this.#calls.values()]
    const silentMs = nowMs - this.#heardMs
    const loads = calls.some(({ name }) => slowCalls.has(name))
    if (silentMs > (loads ? limits.remoteLoadMsMax : limits.remoteSilentMsMax))
      return `it was silent for ${Math.round(silentMs / 1000)} s`
    const oldest = calls.find(({ name }) => !slowCalls.has(name))
    return oldest !== undefined && nowMs - oldest.sinceMs > limits.remoteCallMsMax
      ? `it has not answered ${oldest.name} for ${limits.remoteCallMsMax / 1000} s`
      : null
  }
}
