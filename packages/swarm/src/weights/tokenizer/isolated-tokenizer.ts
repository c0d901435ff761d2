import { createSerialQueue, ShoalError, type Clock, type Logger } from '@shoal/host'
import {
  createTokenDecoder,
  ModelError,
  type ChatMessage,
  type ChatOptions,
  type Tokenizer,
} from '@shoal/model'
import { swarmLimits } from '../../limits.ts'
import type { TokenizerCall, TokenizerReply, TokenizerThreadData } from './tokenizer-calls.ts'
import { startWatchedThread, type WatchedThread } from './watched-thread.ts'

/** A tokenizer that its opener closes. */
export interface IsolatedTokenizer extends Tokenizer {
  close(): Promise<void>
}

/**
 * The tokenizer of a model's assets, whose patterns and template run in a thread of their own: what does not finish is
 * ended with its thread, and the next call starts another one. Null for a model without a tokenizer.
 *
 * @param contextLength of the model, in tokens
 * @throws {ModelError} `bad-model`, `unsupported-model` or `limit-exceeded` with the reason
 */
export async function openIsolatedTokenizer(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  assets: ReadonlyMap<string, Uint8Array>,
  contextLength: number,
): Promise<IsolatedTokenizer | null> {
  const data: TokenizerThreadData = { assets, charactersMax: charactersMax(contextLength) }
  const thread = startWatchedThread(clock, data)
  try {
    const ready = await thread.ready()
    if ('failure' in ready) throw new ModelError(ready.failure.code, ready.failure.message)
    if (ready.tokenizer === null) {
      await thread.end()
      return null
    }
    const { parts, chat } = ready.tokenizer
    const calls = new TokenizerCalls(clock, logger, data, thread)
    return {
      ...createTokenDecoder(parts),
      chat,
      async encode(text, { addSpecialTokens = true } = {}) {
        const reply = await calls.make({ name: 'encode', text, addSpecialTokens }, text.length)
        return 'ids' in reply ? [...reply.ids] : []
      },
      async renderChat(messages, options = {}) {
        const characters = charactersOf(messages, options)
        const reply = await calls.make({ name: 'render', messages, options }, characters)
        return 'text' in reply ? reply.text : ''
      },
      async plainText(text) {
        const reply = await calls.make({ name: 'plain', text }, text.length)
        return 'text' in reply ? reply.text : ''
      },
      close: () => calls.close(),
    }
  } catch (error) {
    await thread.end()
    throw error
  }
}

/** Contents as they are, everything else as JSON. */
function charactersOf(messages: readonly ChatMessage[], options: ChatOptions): number {
  const contents = messages.reduce((sum, { content }) => sum + content.length, 0)
  const rest = messages.flatMap(({ reasoning = [], toolCalls = [] }) => [reasoning, toolCalls])
  const more = [...rest, ...Object.values(options)].filter((value) => !isEmpty(value))
  return contents + (more.length === 0 ? 0 : JSON.stringify(more).length)
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Text beyond this cannot fit into the context: a token of prose has 2 to 5 characters, of indented code up to 10. */
function charactersMax(contextLength: number): number {
  return contextLength * swarmLimits.charactersPerToken + swarmLimits.templateCharacters
}

/** Calls to one thread, one at a time, and to its successors. */
class TokenizerCalls {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #data: TokenizerThreadData
  readonly #queue = createSerialQueue()
  #thread: WatchedThread
  #closed = false

  constructor(clock: Clock, logger: Logger, data: TokenizerThreadData, thread: WatchedThread) {
    this.#clock = clock
    this.#logger = logger
    this.#data = data
    this.#thread = thread
  }

  /** @throws {ModelError} of the call; `limit-exceeded` for more characters than may be */
  async make(
    call: TokenizerCall,
    characters: number,
  ): Promise<Exclude<TokenizerReply, { failure: unknown }>> {
    const most = this.#data.charactersMax
    if (characters > most)
      throw new ModelError(
        'limit-exceeded',
        `the prompt has ${characters} characters, and the context has room for ${most} at most`,
      )
    const askedMs = this.#clock.nowMs()
    const reply = await this.#queue.run(async () => {
      if (this.#clock.nowMs() - askedMs > swarmLimits.tokenizeWaitMs)
        throw new ShoalError('no-capacity', 'other prompts have kept the tokenizer busy; try again later')
      return (await this.#running()).call(call)
    })
    if ('failure' in reply) throw new ModelError(reply.failure.code, reply.failure.message)
    return reply
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#thread.end()
  }

  async #running(): Promise<WatchedThread> {
    if (this.#closed) throw new ShoalError('cancelled', 'the tokenizer has been closed')
    if (!this.#thread.ended) return this.#thread
    this.#logger.warn('tokenizer-restarted', {})
    this.#thread = startWatchedThread(this.#clock, this.#data)
    await this.#thread.ready()
    return this.#thread
  }
}
