import {
  SuffixDrafter,
  generateTokens,
  type Drafter,
  type Speculation,
  type TokenSampler,
} from '@shoal/session'
import type { MeasuredTimes } from './measured-times.ts'
import { RealWork } from './real-work.ts'
import type { Exchange } from './texts.ts'
import { createVirtualRoute, type VirtualRoute } from './virtual-route.ts'

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

/** Makes the drafter of one answer, whose own work takes its time on the clock. */
export type MakeDrafter = (work: RealWork, tokenBudget: number) => Promise<Drafter> | Drafter

/** Plays one answer along a route of its own. @param makeDrafter null for an answer without drafts */
export async function play(
  times: MeasuredTimes,
  roundTripMs: number,
  exchange: Exchange,
  makeDrafter: MakeDrafter | null,
): Promise<Played> {
  const route = await createVirtualRoute(times, roundTripMs)
  const work = new RealWork(route.clock)
  const tokenBudget = exchange.promptIds.length + exchange.answerIds.length
  let counts = { drafted: 0, accepted: 0 }
  const speculation: Speculation | null =
    makeDrafter === null
      ? null
      : {
          drafter: await makeDrafter(work, tokenBudget),
          clock: route.clock,
          onCount: (drafted, accepted) => void (counts = { drafted, accepted }),
        }
  const played = await work.until(answer(route, exchange, speculation))
  return { ...played, ...counts }
}

async function answer(
  route: VirtualRoute,
  { promptIds, answerIds }: Exchange,
  speculation: Speculation | null,
): Promise<Pick<Played, 'ms' | 'steps' | 'bits'>> {
  const { clock, embedding, head } = route
  const bits: string[] = []
  const tokenMs: number[] = []
  let steps = -1
  const sampler: TokenSampler = {
    sample(logits, position) {
      bits.push(logits.join())
      return answerIds[position - promptIds.length]!
    },
  }
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
    ...(speculation !== null && { speculation }),
  })
  for await (const { tokenId } of tokens) {
    if (tokenId !== answerIds[tokenMs.length]) throw new Error('a token is out of order')
    tokenMs.push(clock.nowMs())
  }
  await session.close()
  return { ms: tokenMs.at(-1)! - tokenMs[0]!, steps, bits }
}

/** How many times faster an answer is with drafts. @throws {Error} when a token is drawn from other bits */
export async function compare(
  times: MeasuredTimes,
  roundTripMs: number,
  exchange: Exchange,
  makeDrafter: MakeDrafter = () => new SuffixDrafter(),
): Promise<{ readonly ratio: number; readonly drafted: Played }> {
  const plain = await play(times, roundTripMs, exchange, null)
  const drafted = await play(times, roundTripMs, exchange, makeDrafter)
  if (drafted.bits.join(';') !== plain.bits.join(';'))
    throw new Error('with drafts, a token was drawn from other bits')
  return { ratio: plain.ms / drafted.ms, drafted }
}
