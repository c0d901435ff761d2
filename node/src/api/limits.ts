/** What one caller of the HTTP API may ask for, each with its reason. */
export const apiLimits = {
  /** A context of 131,072 tokens is about half a megabyte of text; JSON escapes and logit of history double it. */
  maxBodyBytes: 4 * 1024 * 1024,
  /** Generations at once: the sessions a stage admits by KV memory are few; more callers wait at their own side. */
  maxGenerations: 16,
  /** Choices of one request; they run one after the other. */
  maxChoices: 8,
  /** OpenAI's limits: more stop texts only slow the filter down. */
  maxStops: 4,
  maxStopLength: 256,
  maxTopLogprobs: 20,
  /** Of `/v1/completions` in OpenAI's older form. */
  maxCompletionLogprobs: 5,
  /** Prompts in one `/v1/completions` call: as many as choices, for the same reason. */
  maxPrompts: 8,
  maxMessages: 4096,
  /** Tokens when the caller names no number: a page of text, not a context full of it. */
  defaultMaxTokens: 1024,
  /** Retry-After of a refusal while no answer's pace has been measured: about one short answer. */
  retryAfterSeconds: 2,
  /** Retry-After at most: an answer may stop long before it has all the tokens it may have. */
  retryAfterSecondsMax: 60,
} as const
