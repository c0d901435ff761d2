import { OpenAICompatibleChatLanguageModel } from '@ai-sdk/openai-compatible'

export interface ShoalSettings {
  /** Where a node serves its API, without a path; default `http://127.0.0.1:8090`. */
  readonly api?: string
  readonly apiKey?: string
  /** Further headers of every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** In place of the global one. */
  readonly fetch?: typeof fetch
}

export interface ShoalProvider {
  /** The model of the swarm by its name, as `GET /v1/models` gives it. */
  (model: string): ShoalModel
  languageModel(model: string): ShoalModel
}

type Options = Parameters<OpenAICompatibleChatLanguageModel['doGenerate']>[0]

/** A model of a swarm. What the AI SDK has no name for goes into `providerOptions.shoal`, by the API's names. */
export class ShoalModel extends OpenAICompatibleChatLanguageModel {
  override doGenerate(options: Options): ReturnType<OpenAICompatibleChatLanguageModel['doGenerate']> {
    return super.doGenerate(withTopK(options))
  }

  override doStream(options: Options): ReturnType<OpenAICompatibleChatLanguageModel['doStream']> {
    return super.doStream(withTopK(options))
  }
}

/** OpenAI has no `top_k`, so that the SDK's class would leave it out with a warning. */
function withTopK({ topK, ...options }: Options): Options {
  if (topK === undefined) return options
  const { providerOptions } = options
  return {
    ...options,
    providerOptions: { ...providerOptions, shoal: { top_k: topK, ...providerOptions?.['shoal'] } },
  }
}

export function createShoal(settings: ShoalSettings = {}): ShoalProvider {
  const { api = 'http://127.0.0.1:8090', apiKey, headers, fetch: ask } = settings
  const base = api.replace(/\/+$/, '')
  const languageModel = (model: string): ShoalModel =>
    new ShoalModel(model, {
      provider: 'shoal.chat',
      url: ({ path }) => `${base}/v1${path}`,
      headers: () => ({ ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }), ...headers }),
      ...(ask !== undefined && { fetch: ask }),
      includeUsage: true,
      supportsStructuredOutputs: true,
    })
  return Object.assign((model: string) => languageModel(model), { languageModel })
}
