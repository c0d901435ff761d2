import { messageOf, ShoalError } from '@shoal/host'
import type { ComputeEngine } from '../engine/compute-engine.ts'
import type { CallReply, CallRequest } from './compute-calls.ts'

/**
 * Answers requests one after the other, in the order of their arrival, also while a rank waits for others in the engine.
 * A failure of `reply` itself ends the thread or process, which the device reports.
 *
 * @param reply called with each answer and the request that it belongs to
 * @returns takes a request
 */
export function answerRequests(
  engine: ComputeEngine,
  reply: (reply: CallReply, request: CallRequest) => void,
): (request: CallRequest) => void {
  /** Requests that are not answered yet. The compute client bounds their number (`checkRoom`). */
  const waiting: CallRequest[] = []
  const work = async (): Promise<void> => {
    for (let request = waiting[0]; request !== undefined; request = waiting[0]) {
      const answered = await answer(engine, request)
      waiting.shift()
      reply(answered, request)
    }
  }
  return (request) => {
    waiting.push(request)
    // With more than one waiting, the loop that answers the first goes on to this one.
    if (waiting.length === 1) void work()
  }
}

async function answer(engine: ComputeEngine, request: CallRequest): Promise<CallReply> {
  try {
    return { id: request.id, result: await engine.call(request.name, request.arguments) }
  } catch (error) {
    const { code, definite } = error instanceof ShoalError ? error : { code: null, definite: false }
    const stack = error instanceof Error ? (error.stack ?? null) : null
    return { id: request.id, failure: { code, definite, message: messageOf(error), stack } }
  }
}
