import { seededRandom } from '@shoal/host'
import type { Engine } from '../../types.ts'

/** Texts that the model writes: with a third of them, or as many random ones, the weights are worse (docs/numerics.md). */
const ownTexts = 30
/** Texts of random tokens, which keep the model good far from its own text. */
const randomTexts = 10
/** Together some 10,000 tokens. */
const textTokens = 256
/** Texts that are written at once: they share the reading of the weights. */
const textsAtOnce = 10

/** Token ids of the texts with whose activations weights are calibrated, the same each time on machines of one numeric class. */
export async function calibrationTexts(
  engine: Engine,
  signal: AbortSignal | undefined,
  onText: (done: number, total: number) => void,
): Promise<readonly (readonly number[])[]> {
  const { vocabularySize, contextLength, bosTokenId } = engine.manifest.manifest.config
  const tokens = Math.min(textTokens, contextLength)
  const start = (await firstOfChat(engine)) ?? bosTokenId ?? 0
  const texts: (readonly number[])[] = []
  while (texts.length < ownTexts) {
    const from = texts.length
    const together = Array.from({ length: Math.min(textsAtOnce, ownTexts - from) }, (_, index) =>
      write(engine, start, tokens, from + index, signal),
    )
    texts.push(...(await Promise.all(together)))
    onText(texts.length, ownTexts)
  }
  const random = seededRandom(1)
  const randomText = (): number[] =>
    Array.from({ length: tokens }, () => Math.floor(random.unit() * vocabularySize))
  return [...texts, ...Array.from({ length: randomTexts }, randomText)]
}

/** The token with which chats begin; null for a model that does not chat. */
async function firstOfChat({ tokenizer }: Engine): Promise<number | null> {
  if (tokenizer?.chat !== true) return null
  const prompt = await tokenizer.renderChat([{ role: 'user', content: 'Hello' }])
  return (await tokenizer.encode(prompt, { addSpecialTokens: false }))[0] ?? null
}

async function write(
  engine: Engine,
  start: number,
  tokens: number,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  for await (const event of engine.generate({
    promptIds: [start],
    maxTokens: tokens - 1,
    ignoreEos: true,
    // Another seed than those of texts on which quality is measured.
    sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0x5a0a1 + seed },
    ...(signal === undefined ? {} : { signal }),
  })) {
    if (event.type === 'done') return [start, ...event.result.tokenIds]
  }
  throw new Error('a generation ended without a result')
}
