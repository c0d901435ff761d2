import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'hono'
import type { Engine } from '@shoal/swarm'
import { checkKey, type AccessRules } from '../access.ts'
import { callerOf, tellsCallersApart, type Caller } from '../callers.ts'
import { createKeyPaces } from '../keys/paces.ts'
import { apiLimits } from '../limits.ts'
import { checkModel } from '../models.ts'
import { engineOf, type Service } from '../service.ts'
import { answer, type AnswerDependencies, type AnswerPlace } from './answer.ts'
import type { Face } from './face.ts'
import type { Gate } from './gate.ts'
import type { Generation } from './generation.ts'
import { createRoom } from './room.ts'

/** What a request asks for, in any dialect. */
export interface Answerable {
  readonly model: string
  readonly stream: boolean
  readonly face: Face
  readonly generation: (engine: Engine) => Promise<Generation>
}

/** Answers requests of every dialect in the same way. */
export interface Answerer {
  answer(context: Context, asked: Answerable): Promise<Response>
  /** Computes something else in a place, which `work` gives back when it succeeds. */
  inPlace(
    context: Context,
    /** Null for the one that is served. */
    model: string | null,
    work: (engine: Engine, place: AnswerPlace, caller: Caller) => Promise<Response>,
  ): Promise<Response>
}

/** What Hono's server hands over beside the request; nothing where the API is called without a socket. */
interface Sockets {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
}

export function createAnswerer(
  service: Service,
  rules: AccessRules,
  gate: Gate,
  dependencies: AnswerDependencies,
): Answerer {
  const paces = createKeyPaces(rules.keys, dependencies.clock)
  const areApart = tellsCallersApart(rules)
  const room = createRoom(() => engineOf(service), areApart ? apiLimits.callerShare : 1)
  /** The time to the first token of one caller must not tell what another one has asked. */
  const generateFor = (caller: Caller): Engine['generate'] => {
    const generate = room.of(caller)
    return areApart ? (request) => generate({ ...request, prefixOwner: caller }) : generate
  }
  /** Takes a place before the prompt is rendered and tokenised, so that this work is bounded too. */
  const inPlace: Answerer['inPlace'] = async (context, model, work) => {
    const sinceMs = dependencies.clock.nowMs()
    const engine = engineOf(service)
    if (model !== null) checkModel(engine, model)
    const { headers, signal } = context.req.raw
    const { incoming, outgoing } = (context.env ?? {}) as Sockets
    const key = checkKey(headers, rules)
    const limits = key === null ? undefined : rules.keys[key]
    const caller = callerOf(key, incoming?.socket.remoteAddress)
    const leave = gate.enter(caller, limits?.concurrency)
    try {
      paces.request(key)
      const hangUp = (): void => void outgoing?.destroy()
      const place = { signal, sinceMs, leave, hangUp, spend: (tokens: number) => paces.spend(key, tokens) }
      return await work(engine, place, caller)
    } catch (error) {
      leave()
      throw error
    }
  }
  return {
    inPlace,
    answer: (context, { model, stream, face, generation }) =>
      inPlace(context, model, async (engine, place, caller) =>
        answer(dependencies, generateFor(caller), await generation(engine), place, face, stream),
      ),
  }
}
