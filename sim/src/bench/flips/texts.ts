import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Tokenizer } from '@shoal/model'

/** Questions about a few sentences, and their answers: what the demo model was trained for (packages/demo-model/README.md). */
const readingQuestions = fileURLToPath(
  new URL('../../../../packages/demo-model/eval/reading_questions.jsonl', import.meta.url),
)

const animals = ['fox', 'bear', 'mouse', 'rabbit', 'crow', 'frog', 'wolf', 'duck', 'goat', 'owl']
const things = ['lantern', 'violin', 'key', 'boat', 'kite', 'drum', 'bell']

/** Token ids of whole dialogues, question and right answer, until there are so many. */
export async function dialogues(tokenizer: Tokenizer, tokens: number): Promise<number[][]> {
  const found: number[][] = []
  let count = 0
  for (const line of (await readFile(readingQuestions, 'utf8')).trimEnd().split('\n')) {
    const { question, answer } = JSON.parse(line) as { question: string; answer: string }
    const text = (await tokenizer.renderChat([{ role: 'user', content: question }])) + answer
    const ids = await tokenizer.encode(text, { addSpecialTokens: false })
    found.push(ids)
    count += ids.length
    if (count >= tokens) break
  }
  return found
}

/** Prompts with long answers. */
export function storyPrompts(tokenizer: Tokenizer, count: number): Promise<number[][]> {
  const prompts = Array.from({ length: count }, async (_, index) => {
    const [animal, thing] = [animals[index % animals.length], things[index % things.length]]
    return tokenizer.encode(
      await tokenizer.renderChat([
        { role: 'user', content: `Tell me a story about a ${animal} and a ${thing}.` },
      ]),
      { addSpecialTokens: false },
    )
  })
  return Promise.all(prompts)
}
