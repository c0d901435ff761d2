import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@shoal/host'
import type { Engine } from '@shoal/swarm'

/** A text of which only a part is judged. */
export interface Text {
  readonly tokenIds: readonly number[]
  /** Tokens that were given and not written; at least one, from which the first written one is predicted. */
  readonly promptLength: number
}

/** Texts by round. */
export type Texts = readonly (readonly Text[])[]

/** Texts of each round: written from nothing, answers to questions where the model chats, and uniformly random tokens. */
const freeTexts = 8
const answers = 24
const randomTextsOfRound = 4

const freeTokens = 255
const answerTokens = 24
const randomTokens = 128

/** Questions that any model can answer somehow: those about a few sentences of the demo model's evaluation. */
const questionsFile = fileURLToPath(
  new URL('../../../../packages/demo-model/eval/reading_questions.jsonl', import.meta.url),
)

/** What the model writes at temperature 1, seeded: the text that its users see, without a corpus that has to be chosen. */
export async function ownTexts(
  engine: Engine,
  rounds: number,
  report: (line: string) => void,
): Promise<Texts> {
  const { bosTokenId, contextLength } = engine.manifest.manifest.config
  const questions = engine.tokenizer?.chat === true ? await questionPrompts(engine, rounds * answers) : []
  // Where the model chats, its texts begin as its chats do: otherwise it may continue the end of one.
  const start = questions[0]?.[0] ?? bosTokenId ?? 0
  const texts: Text[][] = []
  for (let round = 0; round < rounds; round += 1) {
    const own: Text[] = []
    for (let index = 0; index < freeTexts; index += 1) {
      const tokens = Math.min(freeTokens, contextLength) - 1
      own.push(await write(engine, [start], tokens, round * 1000 + index))
    }
    for (const [index, prompt] of questions.slice(round * answers, (round + 1) * answers).entries())
      own.push(await write(engine, prompt, answerTokens, round * 1000 + freeTexts + index))
    texts.push(own)
    report(`text of round ${round + 1} of ${rounds} written`)
  }
  return texts
}

/** Uniformly random tokens. */
export function randomTexts({ manifest }: Engine, rounds: number): Texts {
  const { vocabularySize, contextLength } = manifest.manifest.config
  const random = seededRandom(1)
  const text = (): Text => ({
    tokenIds: Array.from({ length: Math.min(randomTokens, contextLength) }, () =>
      Math.floor(random.unit() * vocabularySize),
    ),
    promptLength: 1,
  })
  return Array.from({ length: rounds }, () => Array.from({ length: randomTextsOfRound }, text))
}

async function write(
  engine: Engine,
  promptIds: readonly number[],
  maxTokens: number,
  seed: number,
): Promise<Text> {
  for await (const event of engine.generate({
    promptIds,
    maxTokens,
    ignoreEos: true,
    sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, seed },
  })) {
    if (event.type === 'done')
      return { tokenIds: [...promptIds, ...event.result.tokenIds], promptLength: promptIds.length }
  }
  throw new Error('a generation ended without a result')
}

async function questionPrompts({ tokenizer }: Engine, count: number): Promise<number[][]> {
  if (tokenizer === null) return []
  const lines = (await readFile(questionsFile, 'utf8')).trimEnd().split('\n')
  const prompts: number[][] = []
  for (let index = 0; index < count; index += 1) {
    const { question } = JSON.parse(lines[index % lines.length] ?? '') as { question: string }
    const text = await tokenizer.renderChat([{ role: 'user', content: question }])
    prompts.push(await tokenizer.encode(text, { addSpecialTokens: false }))
  }
  return prompts
}
