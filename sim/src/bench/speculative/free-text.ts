import { randomHex } from '@shoal/host'
import { systemRandom } from '@shoal/host/node'
import { createSampler, type SamplingOptions } from '@shoal/model'
import { CombinedDrafter, createLocalSession, ModelDrafter, SuffixDrafter } from '@shoal/session'
import type { HiddenSession } from '@shoal/session'
import { openParts, type CapturedParts } from './captured-parts.ts'
import { stages, type MeasuredTimes } from './measured-times.ts'
import type { MakeDrafter } from './play.ts'
import type { Exchange } from './texts.ts'

/** An answer of the demo model. */
export interface FreeText extends Exchange {
  readonly sampling: SamplingOptions
}

const prompts = [
  'Tell me a story about a fox and a lantern.',
  'Tell me a story about a robot named Max and a violin.',
  'Tell me a story.',
  'Who are you?',
]
const answerTokens = 160
/** Parameters of the draft model over those of the demo model: what a draft costs beside a token of a 1B model. */
const draftShare = 557_696 / 3_476_736

/** Answers of the demo model: greedy ones, and sampled ones. */
export async function freeTexts(dataFolder: string): Promise<FreeText[]> {
  const { engine } = await openParts('demo', { dataFolder })
  const texts: FreeText[] = []
  try {
    for (const [index, prompt] of prompts.entries()) {
      const rendered = await engine.tokenizer!.renderChat([{ role: 'user', content: prompt }])
      const promptIds = await engine.tokenizer!.encode(rendered, { addSpecialTokens: false })
      for (const temperature of [0, 0.8]) {
        const sampling = { ...engine.defaultSampling, temperature, seed: index }
        const answerIds: number[] = []
        for await (const event of engine.generate({ promptIds, sampling, maxTokens: answerTokens }))
          if (event.type === 'token') answerIds.push(event.tokenId)
        texts.push({ promptIds, answerIds, sampling })
      }
    }
  } finally {
    await engine.close()
  }
  return texts
}

/** The draft model of the demo model, computed here; its steps take the share of a 1B model's time that its size would. */
export async function openDraftModel(
  dataFolder: string,
  times: MeasuredTimes,
): Promise<{ drafterFor(text: FreeText): MakeDrafter; close(): Promise<void> }> {
  const parts = await openParts('demo-draft', { dataFolder, weights: 'int8:32' })
  return {
    drafterFor: (text) => (work, tokenBudget) => makeDrafter(parts, times, text, work, tokenBudget),
    close: () => parts.engine.close(),
  }
}

async function makeDrafter(
  { runner, head, embedding }: CapturedParts,
  times: MeasuredTimes,
  { promptIds, sampling }: FreeText,
  work: Parameters<MakeDrafter>[0],
  tokenBudget: number,
): Promise<CombinedDrafter> {
  const own = await createLocalSession([runner], { session: randomHex(systemRandom, 16), tokenBudget })
  const session = Object.create(own, {
    forward: {
      value: (...call: Parameters<HiddenSession['forward']>) =>
        work.take(
          own.forward(...call),
          draftShare * stages * times.stageMs(call[0].length / runner.hiddenSize),
        ),
    },
  }) as HiddenSession
  const model = new ModelDrafter({
    session,
    embedding: { ...embedding, lookup: (ids) => work.take(embedding.lookup(ids), 0) },
    head: { ...head, logits: (hidden) => work.take(head.logits(hidden), draftShare * times.headMs(1)) },
    sampler: createSampler(sampling, 2048, promptIds.length),
    tokenBudget,
  })
  return new CombinedDrafter(new SuffixDrafter(), model)
}
