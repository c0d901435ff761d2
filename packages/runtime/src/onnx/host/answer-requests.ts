import { messageOf, ShoalError, sleep, type Clock } from '@shoal/host'
import type { ComputeEngine } from '../engine/compute-engine.ts'
import { Gathering } from '../engine/requests/gathering.ts'
import type { NamedCall } from '../engine/requests/request-places.ts'
import { stepRowsMax } from '../engine/requests/micro-batches.ts'
import { RequestOrder, type RequestPlace } from '../engine/requests/request-order.ts'
import type { ForwardProgress } from '../engine/requests/shared-forward.ts'
import type { CallArguments, CallName, CallReply, CallRequest, CallResult } from './compute-calls.ts'

interface Waiting {
  readonly request: CallRequest
  readonly place: RequestPlace
  /** Progress of a request whose rows may be computed with those of others; null for any other request. */
  readonly progress: ForwardProgress | null
}

/**
 * Answers requests, also while a rank waits for others in the engine. Requests that may share a call are computed
 * together; all others are answered one after the other (`RequestOrder`). A failure of `reply` itself ends the thread
 * or process, which the device reports.
 *
 * @param reply called with each answer and the request that it belongs to
 * @param letArrive takes the requests that were sent meanwhile, before the next call of the engine; `idle` before the
 * first one after a rest
 * @returns takes a request
 */
export function answerRequests(
  engine: ComputeEngine,
  reply: (reply: CallReply, request: CallRequest) => void,
  letArrive: (idle: boolean) => Promise<void>,
  clock: Clock,
): (request: CallRequest) => void {
  /** The compute client bounds their number (`checkRoom`). */
  const order = new RequestOrder<Waiting>()
  const answered = ({ request }: Waiting, outcome: Outcome): void => {
    reply(replyOf(request.id, outcome), request)
  }
  const gathering = new Gathering()
  /** Waits for more rows of a call where some are about to come. */
  const gather = async (): Promise<void> => {
    for (;;) {
      const [group, rows] = stepsIn(order.peek())
      const holdMs = group === null ? 0 : gathering.holdMs(group, rows, clock.nowMs())
      if (holdMs <= 0) return group === null ? undefined : gathering.began(group, rows)
      await sleep(clock, holdMs)
    }
  }
  let working = false
  const work = async (): Promise<void> => {
    working = true
    for (let idle = true; order.size > 0; idle = false) {
      await letArrive(idle)
      await gather()
      const next = order.next()
      for (const [waiting, outcome] of await computed(engine, next)) {
        order.remove(waiting)
        answered(waiting, outcome)
      }
    }
    working = false
  }
  return (request) => {
    const place = engine.placeOf(request as NamedCall)
    const shared = request.name === 'forward' && place.kind === 'rows' && place.together
    const progress = shared ? engine.progressOf(request.arguments as CallArguments<'forward'>) : null
    order.add({ request, place, progress })
    if (place.kind === 'rows') gathering.arrived(place.group, clock.nowMs())
    if (!working) void work()
  }
}

/** @returns the group and the number of requests that are steps of answers; null for the group when one is no such step */
function stepsIn(requests: readonly Waiting[]): readonly [string | null, number] {
  const [first] = requests
  if (first?.place.kind !== 'rows' || !first.place.together) return [null, 0]
  const areSteps = requests.every(({ progress }) => (progress?.rowsLeft ?? 1) <= stepRowsMax)
  return [areSteps ? first.place.group : null, requests.length]
}

type Outcome = { readonly result: CallResult<CallName> } | { readonly error: unknown }

/** @returns the requests that are over, with what became of them */
async function computed(
  engine: ComputeEngine,
  requests: readonly Waiting[],
): Promise<readonly (readonly [Waiting, Outcome])[]> {
  const [first] = requests
  if (first === undefined) return []
  if (first.progress !== null) {
    const forwards = requests.flatMap(({ progress }) => (progress === null ? [] : [progress]))
    return engine.forwardShared(forwards).flatMap((outcome, index) => {
      const waiting = requests[index]
      return outcome === null || waiting === undefined ? [] : [[waiting, outcome] as const]
    })
  }
  if (first.request.name === 'logits') {
    const calls = requests.map(({ request }) => request.arguments as CallArguments<'logits'>)
    try {
      return engine.logitsShared(calls).flatMap((result, index) => {
        const waiting = requests[index]
        return waiting === undefined ? [] : [[waiting, { result }] as const]
      })
    } catch (error) {
      return requests.map((waiting) => [waiting, { error }])
    }
  }
  try {
    return [[first, { result: await engine.call(first.request.name, first.request.arguments) }]]
  } catch (error) {
    return [[first, { error }]]
  }
}

function replyOf(id: number, outcome: Outcome): CallReply {
  if ('result' in outcome) return { id, result: outcome.result }
  const { error } = outcome
  const { code, definite } = error instanceof ShoalError ? error : { code: null, definite: false }
  const stack = error instanceof Error ? (error.stack ?? null) : null
  return { id, failure: { code, definite, message: messageOf(error), stack } }
}
