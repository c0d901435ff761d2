import { seededRandom, ShoalError } from '@shoal/host'
import type { Engine, GenerateEvent, GenerateRequest, GenerateResult } from '@shoal/swarm'
import { identifyManifest, parseProfile, type ModelConfig, type Tokenizer } from '@shoal/model'

/**
 * An engine without a model, for tests of what stands on the interface: letters are tokens, and the answer is drawn
 * from (seed, position) among the letters of the prompt.
 */
export interface FakeEngine extends Engine {
  /** Requests seen, in order. */
  readonly requests: GenerateRequest[]
  /** Generations that ended, however. */
  readonly ended: () => number
  /** Resolves when the first one has ended. */
  readonly firstEnd: () => Promise<void>
  /** What the next token waits for; tests hold generations open with it. */
  gate: Promise<void>
  /** Thrown before the first token when set. */
  failure: Error | null
}

const config: ModelConfig = {
  family: 'llama',
  hiddenSize: 8,
  feedForwardSize: 8,
  blockCount: 2,
  headCount: 1,
  keyValueHeadCount: 1,
  headSize: 8,
  vocabularySize: 128,
  contextLength: 256,
  normEpsilon: 1e-5,
  rope: { theta: 10_000, scaling: null },
  slidingWindow: null,
  attentionBias: false,
  queryKeyNorm: false,
  tiedEmbeddings: true,
  bosTokenId: null,
  eosTokenIds: [0],
}

const letters: Tokenizer = {
  vocabularySize: 128,
  encode: (text) => Array.from({ length: text.length }, (_, at) => Math.min(127, text.charCodeAt(at))),
  decode: (ids) => String.fromCharCode(...ids),
  stream: () => ({ push: (id) => String.fromCharCode(id), flush: () => '' }),
  chat: true,
  renderChat: (messages) =>
    `${messages.map(({ role, content }) => `<${role}>${content}`).join('')}<assistant>`,
}

export function createFakeEngine(options: { tokenizer?: Tokenizer | null } = {}): FakeEngine {
  const requests: GenerateRequest[] = []
  let ended = 0
  let onEnd = (): void => undefined
  const firstEnd = new Promise<void>((resolve) => {
    onEnd = resolve
  })
  const tokenizer = options.tokenizer === undefined ? letters : options.tokenizer

  async function* generate(request: GenerateRequest): AsyncGenerator<GenerateEvent> {
    requests.push(request)
    const tokenIds: number[] = []
    const result = (finishReason: GenerateResult['finishReason'], text: string): GenerateResult => ({
      text,
      tokenIds,
      finishReason,
      promptTokens: request.promptIds.length,
      completionTokens: tokenIds.length,
      ttftMs: 1,
      tokensPerSecond: 100,
      route: [{ peer: 'local', start: 0, end: 2, ranks: 1 }],
      failovers: 0,
      moves: 0,
      continuity: 'identical',
      predictedTpotMs: null,
      drafted: 0,
      accepted: 0,
    })
    let text = ''
    try {
      await Promise.race([engine.gate, aborted(request.signal)])
      if (engine.failure !== null) throw engine.failure
      for (let position = 0; position < request.maxTokens; position += 1) {
        await Promise.race([engine.gate, aborted(request.signal)])
        if (request.signal?.aborted === true) throw new ShoalError('cancelled', 'the caller cancelled')
        const draw = seededRandom(request.sampling.seed + position).uint32()
        const tokenId = request.promptIds[draw % request.promptIds.length] ?? 0
        const piece = tokenizer === null ? '' : String.fromCharCode(tokenId)
        if (request.stop?.some((stop) => (text + piece).endsWith(stop)) === true) {
          tokenIds.push(tokenId)
          yield { type: 'done', text: '', result: result('stop', text) }
          return
        }
        tokenIds.push(tokenId)
        text += piece
        const logprob = { tokenId, text: piece, logprob: -0.5 }
        const top = Array.from({ length: request.topLogprobs ?? 0 }, (_, i) => ({
          tokenId: 97 + i,
          text: String.fromCharCode(97 + i),
          logprob: -1 - i,
        }))
        yield {
          type: 'token',
          tokenId,
          text: piece,
          ...(request.topLogprobs !== undefined && { logprob: { ...logprob, top } }),
        }
      }
      yield { type: 'done', text: '', result: result('length', text) }
    } finally {
      ended += 1
      onEnd()
    }
  }

  const engine: FakeEngine = {
    manifest: identifyManifest({
      version: 1,
      name: 'letters',
      config,
      profile: parseProfile('f32'),
      assets: [],
      tensors: [],
    }),
    tokenizer,
    defaultSampling: { temperature: 0.7, topK: 40, topP: 0.9, repetitionPenalty: 1, seed: 0 },
    generate,
    forward: () => Promise.reject(new Error('letters have no hidden states')),
    close: () => Promise.resolve(),
    requests,
    ended: () => ended,
    firstEnd: () => firstEnd,
    gate: Promise.resolve(),
    failure: null,
  }
  return engine
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve()
    else signal?.addEventListener('abort', () => resolve(), { once: true })
  })
}
