import type { ForwardOptions, ForwardResult, BasicOptions } from '../options.ts'
import { partsOf, samplingFields, type WebAnswer, type WebMessage, type WebTextPart } from './answers.ts'
import { ApiFailure } from './api-failure.ts'
import { forwardFields, forwardResultOf, type ForwardBody } from './forward.ts'
import { webLimits } from './limits.ts'
import { send, type RequestOptions } from './requests.ts'
import { waitFor } from './wait.ts'
import { changesBetween, type SwarmChange, type WebStatus } from './watch.ts'

export interface WebOptions extends RequestOptions {
  /** The model's name, for a node that serves another to refuse; the node's own when absent. */
  readonly model?: string
  /** Aborting closes the client. */
  readonly signal?: AbortSignal
}

/** A client of a node's HTTP API. */
export interface WebClient {
  /** The model's name at the node. */
  readonly model: string
  /** Streams the answer to a chat. Ending the loop early, or aborting, ends the generation on every peer. */
  chat(messages: readonly WebMessage[], options?: BasicOptions): AsyncGenerator<WebTextPart>
  /** Completes text or token ids, without a chat template, and streams the answer. */
  stream(prompt: string | readonly number[], options?: BasicOptions): AsyncGenerator<WebTextPart>
  /** The same. @returns the whole answer */
  generate(prompt: string | readonly number[], options?: BasicOptions): Promise<WebAnswer>
  /** Computes hidden states after the first `layers[1]` blocks, and logits when these are all blocks. */
  forward(tokenIds: readonly number[], options?: ForwardOptions): Promise<ForwardResult>
  status(options?: { signal?: AbortSignal }): Promise<WebStatus>
  /** Yields what changes in the swarm, until the loop or the client ends. */
  watch(options?: { everyMs?: number; signal?: AbortSignal }): AsyncGenerator<SwarmChange>
  /** Ends whatever is under way. */
  close(): Promise<void>
}

/**
 * Becomes a client of a node, once it has its model.
 * @throws {ApiFailure} `unreachable` when nothing answers at the address, `model_not_found`, `invalid_api_key` …
 */
export async function connect(options: WebOptions): Promise<WebClient> {
  const closed = new AbortController()
  const within = (signal?: AbortSignal): AbortSignal =>
    AbortSignal.any([closed.signal, ...[signal, options.signal].filter((each) => each !== undefined)])
  const json = async (path: string, body: object | null, signal?: AbortSignal): Promise<unknown> =>
    (await send(options, path, body, within(signal))).json()
  const { data } = (await json('/v1/models', null)) as { data: readonly { id: string }[] }
  const model = options.model ?? data[0]?.id
  if (model === undefined || !data.some(({ id }) => id === model))
    throw new ApiFailure(`the node serves ${data.map(({ id }) => id).join(', ')}, not ${model}`, {
      status: 404,
      code: 'model_not_found',
    })
  const parts = async function* (path: string, body: object, asked: BasicOptions) {
    yield* partsOf(
      await send(options, path, { model, ...body, ...samplingFields(asked) }, within(asked.signal)),
    )
  }
  const stream = (prompt: string | readonly number[], asked: BasicOptions = {}) =>
    parts('/v1/completions', { prompt }, asked)
  return {
    model,
    stream,
    chat: (messages, asked = {}) => parts('/v1/chat/completions', { messages }, asked),
    async generate(prompt, asked) {
      for await (const { result } of stream(prompt, asked)) if (result !== undefined) return result
      throw new ApiFailure('the answer ended without a result', { status: null, code: 'cut-off' })
    },
    async forward(tokenIds, asked = {}) {
      const body = await json('/v1/forward', { model, ...forwardFields(tokenIds, asked) }, asked.signal)
      return forwardResultOf(body as ForwardBody)
    },
    status: async (asked = {}) => (await json('/swarm', null, asked.signal)) as WebStatus,
    async *watch({ everyMs = webLimits.watchMs, signal } = {}) {
      for (let before: WebStatus | null = null; ;) {
        const now = (await json('/swarm', null, signal)) as WebStatus
        yield* changesBetween(before, now)
        before = now
        await (options.wait ?? waitFor)(everyMs, within(signal))
      }
    },
    close: async () => closed.abort(new ApiFailure('the client is closed', { status: null, code: 'closed' })),
  }
}
