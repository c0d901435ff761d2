import { ModelError } from '../error.ts'
import type { SamplingOptions } from './sampling-types.ts'

/** The bounds of OpenAI's API. Beyond them a penalty or a bias drowns every logit of a model. */
const occurrencePenaltyMax = 2
const logitBiasMax = 100

/** @throws {ModelError} `bad-request` for options that make no sense */
export function checkSampling(options: SamplingOptions, vocabularySize: number): void {
  const { temperature, topK, topP, minP = 0, repetitionPenalty, seed } = options
  check(temperature >= 0 && temperature <= 100, `temperature must be from 0 to 100, not ${temperature}`)
  check(Number.isSafeInteger(topK) && topK >= 0, `top-k must be a whole number from 0, not ${topK}`)
  check(topP > 0 && topP <= 1, `top-p must be above 0 and at most 1, not ${topP}`)
  check(minP >= 0 && minP <= 1, `min-p must be from 0 to 1, not ${minP}`)
  check(
    repetitionPenalty > 0 && repetitionPenalty <= 100,
    `the repetition penalty must be above 0 and at most 100, not ${repetitionPenalty}`,
  )
  for (const [name, penalty = 0] of [
    ['presence', options.presencePenalty],
    ['frequency', options.frequencyPenalty],
  ] as const)
    check(
      Math.abs(penalty) <= occurrencePenaltyMax,
      `the ${name} penalty must be from -${occurrencePenaltyMax} to ${occurrencePenaltyMax}, not ${penalty}`,
    )
  for (const [id, bias] of options.logitBias ?? []) {
    check(
      Number.isInteger(id) && id >= 0 && id < vocabularySize,
      `the logit bias names token ${id}, but the vocabulary's ids are from 0 to ${vocabularySize - 1}`,
    )
    check(
      Math.abs(bias) <= logitBiasMax,
      `the logit bias of token ${id} must be from -${logitBiasMax} to ${logitBiasMax}, not ${bias}`,
    )
  }
  check(
    Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff,
    `the seed must be an unsigned number of 32 bits, not ${seed}`,
  )
}

function check(holds: boolean, sentence: string): void {
  if (!holds) throw new ModelError('bad-request', sentence)
}
