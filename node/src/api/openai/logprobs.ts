import type { TokenLogprob } from '@shoal/swarm'
import type { Logprob } from '../completions/run.ts'

const encoder = new TextEncoder()

const chatToken = ({ text, logprob }: TokenLogprob): object => ({
  token: text,
  logprob,
  bytes: [...encoder.encode(text)],
})

export const chatLogprobs = (logprobs: readonly Logprob[]): object => ({
  content: logprobs.map((entry) => ({ ...chatToken(entry), top_logprobs: entry.top.map(chatToken) })),
  refusal: null,
})

/** The older form: parallel arrays, and where each token starts in the text. */
export function textLogprobs(logprobs: readonly Logprob[], startOffset: number): object {
  let offset = startOffset
  const offsets = logprobs.map(({ text }) => {
    const here = offset
    offset += text.length
    return here
  })
  return {
    tokens: logprobs.map(({ text }) => text),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(top.map(({ text, logprob }) => [text, logprob])),
    ),
    text_offset: offsets,
  }
}
