import { seededRandom } from '@shoal/host'
import type { Engine } from '../../types.ts'

/** Texts that the model writes, and as many of random tokens, which keep it good far from its own text. */
const textsOfEach = 10
/** Together some 5,000 tokens: half as many give nearly the same weights (docs/numerics.md). */
const textTokens = 256

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
  for (let index = 0; index < textsOfEach; index += 1) {
    texts.push(await write(engine, start, tokens, index, signal))
    onText(index + 1, textsOfEach)
  }
  const random = seededRandom(1)
  const randomText = (): number[] =>
    Array.from({ length: tokens }, () => Math.floor(random.unit() * vocabularySize))
  return [...texts, ...Array.from({ length: textsOfEach }, randomText)]
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
