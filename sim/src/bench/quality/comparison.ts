import type { Text } from './texts.ts'

/** Distributions of the next token by one model against those of another, over texts that both were given. */
export interface Comparison {
  /**
   * One text, from the position that predicts the first token behind its prompt.
   * @param exact logits of the model that is compared with, `[positions, vocabularySize]`
   * @param rounded logits of the model that is judged
   */
  add(text: Text, exact: Float32Array, rounded: Float32Array): void
  readonly positions: number
  /** Mean Kullback-Leibler divergence D(exact ‖ rounded), in nats. */
  readonly kl: number
  /** Share of positions with the same most likely token. */
  readonly topOneAgreement: number
  /** Of the texts under the judged model, their prompts left out. */
  readonly perplexity: number
  /** As `perplexity`, under the model that is compared with. */
  readonly perplexityExact: number
}

export function createComparison(vocabularySize: number): Comparison {
  let positions = 0
  let divergence = 0
  let agreed = 0
  /** Tokens whose probability is known: all behind the prompts. */
  let predicted = 0
  const surprise = { exact: 0, rounded: 0 }
  return {
    add({ tokenIds, promptLength }, exact, rounded) {
      for (let at = promptLength - 1; at < tokenIds.length; at += 1) {
        const [one, other] = [exact, rounded].map((logits) =>
          distribution(logits.subarray(at * vocabularySize, (at + 1) * vocabularySize)),
        ) as [Distribution, Distribution]
        positions += 1
        divergence += divergenceOf(one, other)
        if (one.mostLikely === other.mostLikely) agreed += 1
        const next = tokenIds[at + 1]
        if (next === undefined) continue
        predicted += 1
        surprise.exact -= logProbability(one, next)
        surprise.rounded -= logProbability(other, next)
      }
    },
    get positions() {
      return positions
    },
    get kl() {
      return divergence / positions
    },
    get topOneAgreement() {
      return agreed / positions
    },
    get perplexity() {
      return Math.exp(surprise.rounded / predicted)
    },
    get perplexityExact() {
      return Math.exp(surprise.exact / predicted)
    },
  }
}

interface Distribution {
  readonly logits: Float32Array
  /** The logarithm of the sum of all exponentials. */
  readonly normaliser: number
  readonly mostLikely: number
}

const logProbability = ({ logits, normaliser }: Distribution, tokenId: number): number =>
  (logits[tokenId] ?? Number.NEGATIVE_INFINITY) - normaliser

function distribution(logits: Float32Array): Distribution {
  let mostLikely = 0
  for (let id = 1; id < logits.length; id += 1)
    if ((logits[id] as number) > (logits[mostLikely] as number)) mostLikely = id
  const largest = logits[mostLikely] as number
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  return { logits, normaliser: largest + Math.log(sum), mostLikely }
}

function divergenceOf(exact: Distribution, rounded: Distribution): number {
  let sum = 0
  for (let id = 0; id < exact.logits.length; id += 1) {
    const log = (exact.logits[id] as number) - exact.normaliser
    sum += Math.exp(log) * (log - ((rounded.logits[id] as number) - rounded.normaliser))
  }
  return sum
}
