import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import type { TokenSampler } from '../../../generation/generate.ts'
import { prefill, rowsFrom } from '../../../generation/prefill.ts'
import type { HiddenSession } from '../../../route/types.ts'
import type { Drafter } from './drafter.ts'

export interface ModelDrafterOptions {
  /** All blocks of the draft model, for this answer. */
  readonly session: HiddenSession
  readonly embedding: EmbeddingTable
  readonly head: HeadRunner
  /** Draws drafts as the answer's tokens are drawn, with the same seed and position: it then often draws the same. */
  readonly sampler: TokenSampler
  /** Most positions of the session. Behind them, nothing is drafted. */
  readonly tokenBudget: number
}

const kindOfModel = 4

/** Drafts what a small model with the same vocabulary would say. A draft costs a step of that model in this process. */
export class ModelDrafter implements Drafter {
  readonly kind = kindOfModel
  readonly #options: ModelDrafterOptions
  readonly #text: number[] = []
  /** Tokens whose rows are in the session. */
  #computed: number[] = []

  constructor(options: ModelDrafterOptions) {
    this.#options = options
  }

  append(tokenId: number): void {
    this.#text.push(tokenId)
  }

  async prepare(): Promise<void> {
    if (this.#text.length < this.#options.tokenBudget) await this.#rowOf(this.#text)
  }

  async draft(ahead: readonly number[], count: number): Promise<readonly number[]> {
    const { head, sampler, tokenBudget } = this.#options
    const tokens = [...this.#text, ...ahead]
    const drafted: number[] = []
    while (drafted.length < count && tokens.length < tokenBudget) {
      const logits = await head.logits(await this.#rowOf(tokens))
      const drawn = sampler.sample(logits, tokens.length, tokens)
      const tokenId = typeof drawn === 'number' ? drawn : await drawn
      tokens.push(tokenId)
      drafted.push(tokenId)
    }
    return drafted
  }

  /** Output of the last block for the last token. Rows of tokens that the session already has are not computed again. */
  async #rowOf(tokens: readonly number[]): Promise<Float32Array> {
    const { session, embedding } = this.#options
    const differs = this.#computed.findIndex((tokenId, index) => tokenId !== tokens[index])
    const common = differs < 0 ? this.#computed.length : differs
    const from = Math.min(common, tokens.length - 1)
    const rows = await embedding.lookup(tokens.slice(from))
    this.#computed = [...tokens]
    const hiddenSize = rows.length / (tokens.length - from)
    // A long text is computed in chunks, as prompts are, after a first step that rewinds.
    const [first, rest] = [rows.subarray(0, hiddenSize), rows.subarray(hiddenSize)]
    const answered = await session.forward(first, { want: 'last', position: from })
    return rest.length === 0 ? answered : prefill(session, rowsFrom(rest, hiddenSize))
  }
}
