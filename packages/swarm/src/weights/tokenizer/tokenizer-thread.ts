import { createTokenizer, ModelError, type SynchronousTokenizer } from '@shoal/model'
import { parentPort, workerData } from 'node:worker_threads'
import type {
  TokenizerCall,
  TokenizerFailure,
  TokenizerReady,
  TokenizerReply,
  TokenizerThreadData,
} from './tokenizer-calls.ts'

/** Runs what came with a model, its patterns and its chat template, where it can be ended. */
if (parentPort === null) throw new Error('tokenizer-thread.ts must be started as a worker thread')
const port = parentPort
const { assets, charactersMax } = workerData as TokenizerThreadData

function failureOf(error: unknown): TokenizerFailure {
  if (!(error instanceof ModelError)) throw error
  return { code: error.code, message: error.message }
}

function answer(tokenizer: SynchronousTokenizer, call: TokenizerCall): TokenizerReply {
  try {
    if (call.name === 'encode')
      return { ids: tokenizer.encode(call.text, { addSpecialTokens: call.addSpecialTokens }) }
    if (call.name === 'plain') return { text: tokenizer.plainText(call.text) }
    const text = tokenizer.renderChat(call.messages, call.options)
    if (text.length > charactersMax)
      throw new ModelError(
        'limit-exceeded',
        `the model's chat template made a prompt of ${text.length} characters, and the context has room for ${charactersMax} at most`,
      )
    return { text }
  } catch (error) {
    return { failure: failureOf(error) }
  }
}

function open(): SynchronousTokenizer | null {
  try {
    const tokenizer = createTokenizer(assets)
    const parts = tokenizer === null ? null : { parts: tokenizer.parts, chat: tokenizer.chat }
    port.postMessage({ tokenizer: parts } satisfies TokenizerReady)
    return tokenizer
  } catch (error) {
    port.postMessage({ failure: failureOf(error) } satisfies TokenizerReady)
    return null
  }
}

const tokenizer = open()
if (tokenizer !== null) port.on('message', (call: TokenizerCall) => port.postMessage(answer(tokenizer, call)))
