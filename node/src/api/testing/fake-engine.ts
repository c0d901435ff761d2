import { orAborted, seededRandom, ShoalError } from '@shoal/host'
import type { Engine, GenerateEvent, GenerateRequest, GenerateResult } from '@shoal/swarm'
import {
  identifyManifest,
  parseProfile,
  type ModelConfig,
  type Tokenizer,
  manifestVersion,
} from '@shoal/model'

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
  encode: async (text) => Array.from({ length: text.length }, (_, at) => Math.min(127, text.charCodeAt(at))),
  tokenBytes: (id) => new TextEncoder().encode(String.fromCharCode(id)),
  decode: (ids) => String.fromCharCode(...ids),
  stream: () => ({ push: (id) => String.fromCharCode(id), flush: () => '' }),
  chat: true,
  renderChat: async (messages, { variables = {} } = {}) =>
    `${Object.keys(variables).length === 0 ? '' : JSON.stringify(variables)}${messages.map(({ role, content }) => `<${role}>${content}`).join('')}<assistant>`,
  plainText: async (text) => text,
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
    try {
      yield* drawnAnswer(request, tokenizer === null, async () => {
        await orAborted(engine.gate, request.signal).catch(() => undefined)
        if (engine.failure !== null) throw engine.failure
      })
    } finally {
      ended += 1
      onEnd()
    }
  }

  const engine: FakeEngine = {
    manifest: identifyManifest({
      version: manifestVersion,
      name: 'letters',
      config,
      profile: parseProfile('f32'),
      assets: [],
      tensors: [],
    }),
    tokenizer,
    defaultSampling: { temperature: 0.7, topK: 40, topP: 0.9, repetitionPenalty: 1, seed: 0 },
    generate,
    answers: () => [],
    // A row of hidden states is the letter's id and zeroes; all logits are a half.
    forward: async (tokenIds, { layers } = {}) => ({
      hiddenStates: Float32Array.from(tokenIds.flatMap((id) => [id, ...Array<number>(7).fill(0)])),
      logits: layers === undefined ? new Float32Array(tokenIds.length * 128).fill(0.5) : null,
    }),
    close: () => Promise.resolve(),
    requests,
    ended: () => ended,
    firstEnd: () => firstEnd,
    gate: Promise.resolve(),
    failure: null,
  }
  return engine
}

/** Draws tokens among the letters of the prompt. @param opened what each token waits for */
async function* drawnAnswer(
  request: GenerateRequest,
  idsOnly: boolean,
  opened: () => Promise<void>,
): AsyncGenerator<GenerateEvent> {
  const tokenIds: number[] = []
  let text = ''
  await opened()
  for (let position = 0; position < request.maxTokens; position += 1) {
    await opened()
    if (request.signal?.aborted === true) throw new ShoalError('cancelled', 'the caller cancelled')
    const draw = seededRandom(request.sampling.seed + position).uint32()
    const tokenId = request.promptIds[draw % request.promptIds.length] ?? 0
    const piece = idsOnly ? '' : String.fromCharCode(tokenId)
    tokenIds.push(tokenId)
    const stop = request.stop?.find((each) => (text + piece).endsWith(each))
    if (stop !== undefined) {
      yield { type: 'done', text: '', result: resultOf(request, tokenIds, 'stop', text, stop) }
      return
    }
    text += piece
    yield { type: 'token', tokenId, text: piece, ...logprobOf(request, tokenId, piece) }
  }
  yield { type: 'done', text: '', result: resultOf(request, tokenIds, 'length', text) }
}

function logprobOf(
  { topLogprobs }: GenerateRequest,
  tokenId: number,
  text: string,
): Pick<Extract<GenerateEvent, { type: 'token' }>, 'logprob'> {
  if (topLogprobs === undefined) return {}
  const top = Array.from({ length: topLogprobs }, (_, i) => ({
    tokenId: 97 + i,
    text: String.fromCharCode(97 + i),
    logprob: -1 - i,
  }))
  return { logprob: { tokenId, text, logprob: -0.5, top } }
}

function resultOf(
  request: GenerateRequest,
  tokenIds: number[],
  finishReason: GenerateResult['finishReason'],
  text: string,
  stopText: string | null = null,
): GenerateResult {
  return {
    text,
    tokenIds,
    finishReason,
    promptTokens: request.promptIds.length,
    reusedTokens: 0,
    completionTokens: tokenIds.length,
    ttftMs: 1,
    tokensPerSecond: 100,
    route: [{ peer: 'local', start: 0, end: 2, ranks: 1 }],
    failovers: 0,
    moves: 0,
    continuity: 'identical',
    predictedTpotMs: null,
    stopText,
    drafted: 2,
    accepted: 1,
  }
}
