import { readFile } from 'node:fs/promises'
import { seededRandom, type Random } from '@shoal/host'
import { SuffixDrafter } from '@shoal/session'

/** A prompt and the answer that is drawn for it, as token ids. */
export interface Exchange {
  readonly promptIds: readonly number[]
  readonly answerIds: readonly number[]
}

/** Tokens of the longest answers: a file of some hundred lines. */
const answerTokensMax = 800
const worstTokens = 300

/** A program as it stands in the prompt, which the answer repeats. */
export async function repeated(): Promise<Exchange> {
  const source = await program()
  const words = createWords()
  return {
    promptIds: words(`${source}\nRepeat the file.\n`),
    answerIds: words(source).slice(0, answerTokensMax),
  }
}

/** The answer is the same program with a name changed, every 12th line left out, and a line of its own behind every 15th. */
export async function edited(): Promise<Exchange> {
  const source = await program()
  const words = createWords()
  const promptIds = words(`${source}\nRename the random numbers, and log what happens.\n`)
  const lines = source.split('\n').flatMap((line, index) => {
    if (index % 12 === 11) return []
    const renamed = line.replaceAll('random', 'chance')
    return index % 15 === 14 ? [renamed, `  log('line ${index} was reached', Date.now())`] : [renamed]
  })
  return { promptIds, answerIds: words(lines.join('\n')).slice(0, answerTokensMax) }
}

/** Texts for which drafts are hardly ever right, or never: the last tokens occurred before, and something else comes now. */
export function worst(seed: number): Exchange[] {
  const random = seededRandom(seed)
  return [...[4, 16, 64].map((alphabet) => unrelated(random, alphabet)), contrary(random)]
}

/** Tokens drawn from so many, all alike. */
function unrelated(random: Random, alphabet: number): Exchange {
  const tokens = (count: number): number[] =>
    Array.from({ length: count }, () => Math.floor(random.unit() * alphabet))
  return { promptIds: tokens(worstTokens), answerIds: tokens(worstTokens) }
}

/** An answer that knows the drafter, and never says what it proposes. */
function contrary(random: Random): Exchange {
  const { promptIds } = unrelated(random, 4)
  const drafter = new SuffixDrafter()
  for (const tokenId of promptIds) drafter.append(tokenId)
  const answerIds = Array.from({ length: worstTokens }, () => {
    const [expected] = drafter.draft([], 1)
    const others = [0, 1, 2, 3].filter((tokenId) => tokenId !== expected)
    const tokenId = others[Math.floor(random.unit() * others.length)]!
    drafter.append(tokenId)
    return tokenId
  })
  return { promptIds, answerIds }
}

/** The source text of this module: a program of a usual kind, which is always there. */
const program = (): Promise<string> => readFile(new URL(import.meta.url), 'utf8')

/** Ids for words, spaces and signs, in the order of their first occurrence. */
function createWords(): (text: string) => number[] {
  const ids = new Map<string, number>()
  return (text) =>
    (text.match(/\w{1,6}|\s+|[^\w\s]/g) ?? []).map((word) => {
      const id = ids.get(word) ?? ids.size
      ids.set(word, id)
      return id
    })
}
