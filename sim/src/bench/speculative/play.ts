import { SuffixDrafter, generateTokens, type Drafter, type TokenSampler } from '@shoal/session'
import type { MeasuredTimes } from './measured-times.ts'
import type { Exchange } from './texts.ts'
import { createVirtualRoute } from './virtual-route.ts'

/** An answer that was played. */
export interface Played {
  /** From the first token to the last, in virtual time. */
  readonly ms: number
  readonly drafted: number
  readonly accepted: number
  /** Steps whose rows the head has read, without those of the prompt. */
  readonly steps: number
  /** The bits that each token was drawn from. */
  readonly bits: readonly string[]
}

const playMsMax = 3_600_000

/** Plays one answer along a route of its own. @param drafter null for an answer without drafts */
export async function play(
  times: MeasuredTimes,
  roundTripMs: number,
  { promptIds, answerIds }: Exchange,
  drafter: Drafter | null,
): Promise<Played> {
  const route = await createVirtualRoute(times, roundTripMs)
  const { clock, loop, embedding, head } = route
  const bits: string[] = []
  const tokenMs: number[] = []
  let steps = -1
  let counts = { drafted: 0, accepted: 0 }
  const sampler: TokenSampler = {
    sample(logits, position) {
      bits.push(logits.join())
      return answerIds[position - promptIds.length]!
    },
  }
  const run = async (): Promise<void> => {
    const session = await route.open(promptIds.length + answerIds.length)
    const tokens = generateTokens({
      session,
      embedding,
      head: {
        logits(hidden) {
          steps += 1
          return head.logits(hidden)
        },
        release: () => head.release(),
      },
      sampler,
      promptIds,
      maxTokens: answerIds.length,
      ...(drafter !== null && {
        speculation: {
          drafter,
          clock,
          onCount: (drafted: number, accepted: number) => void (counts = { drafted, accepted }),
        },
      }),
    })
    for await (const token of tokens) {
      if (token.tokenId !== answerIds[tokenMs.length]) throw new Error('a token is out of order')
      tokenMs.push(clock.nowMs())
    }
    await session.close()
  }
  const outcome = await loop.within(run(), playMsMax)
  if (outcome === undefined) throw new Error('the answer did not end')
  if ('error' in outcome) throw outcome.error
  return { ms: tokenMs.at(-1)! - tokenMs[0]!, steps, bits, ...counts }
}

/** How many times faster an answer is with drafts. @throws {Error} when a token is drawn from other bits */
export async function compare(
  times: MeasuredTimes,
  roundTripMs: number,
  exchange: Exchange,
  drafter: Drafter = new SuffixDrafter(),
): Promise<{ readonly ratio: number; readonly drafted: Played }> {
  const plain = await play(times, roundTripMs, exchange, null)
  const drafted = await play(times, roundTripMs, exchange, drafter)
  if (drafted.bits.join(';') !== plain.bits.join(';'))
    throw new Error('with drafts, a token was drawn from other bits')
  return { ratio: plain.ms / drafted.ms, drafted }
}
