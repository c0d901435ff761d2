import { readdirSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { createProgram } from './program.ts'
import { UsageError } from './usage-error.ts'

/** Every command line of the documents is read by the program itself: a name that has changed is found here. */
const root = new URL('../../../', import.meta.url)
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  'examples/README.md',
  'client/README.md',
  ...readdirSync(new URL('docs/', root))
    // The log says what was typed at its time.
    .filter((name) => name.endsWith('.md') && name !== 'log.md')
    .map((name) => `docs/${name}`),
]

const peer = '12D3KooWDozVBRZ1pX5jS6VxcjSNXKJKza6UEFyg4n2GsxL9efNw'
const address = `/ip4/127.0.0.1/tcp/4001/p2p/${peer}`
/** What stands in documents for a value of the reader's own. */
const placeholders: readonly (readonly [RegExp, string])[] = [
  [/\/ip4\/[^ ]*…|(?<=--(?:join|bootstrap|rank|spare) )(?:…|[A-Z]+)/g, address],
  [/12D3Koo\w*…/g, peer],
  [/HOST:PORT/g, '127.0.0.1:8090'],
]

interface Line {
  readonly document: string
  readonly words: readonly string[]
  /** It stands in a sentence, which may leave values out. */
  readonly inSentence: boolean
}

/** Refusals of values, not of names. */
const ofValues = new Set([
  'commander.missingArgument',
  'commander.missingMandatoryOptionValue',
  'commander.optionMissingArgument',
  'commander.invalidArgument',
])

/** Lines of shell blocks, and command lines inside of sentences, that begin with `shoal` or `npx shoal`. */
function linesOf(document: string): Line[] {
  const text = readFileSync(new URL(document, root), 'utf8')
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.split('\n'))
  const inline = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code = '']) => code,
  )
  const lines = (codes: readonly string[], inSentence: boolean): Line[] =>
    codes.flatMap((code) => {
      const command = /^(?:npx )?shoal ([a-z].*)$/.exec(code.trim())?.[1]
      return command === undefined ? [] : [{ document, words: wordsOf(command), inSentence }]
    })
  return [...lines(blocks, false), ...lines(inline, true)]
}

/** The words of the first command of a line, as a shell reads them. */
function wordsOf(line: string): string[] {
  const filled = placeholders.reduce((text, [mark, value]) => text.replaceAll(mark, value), line)
  const [first = ''] = filled.split(/ (?:#|>>?|\||&&|;) ?/)
  return [...first.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
}

/** Why the program refuses a line; null where it would begin. */
async function refusal(words: readonly string[], inSentence = false): Promise<string | null> {
  const program = createProgram({ out: () => undefined, err: () => undefined })
  const idle = (command: Command): void => {
    command.action(() => undefined)
    for (const child of command.commands) idle(child)
  }
  idle(program)
  try {
    await program.parseAsync(words, { from: 'user' })
    return null
  } catch (error) {
    if (!(error instanceof CommanderError) && !(error instanceof UsageError)) throw error
    if (inSentence && error instanceof CommanderError && ofValues.has(error.code)) return null
    return error.message
  }
}

test('the program takes every command line of the documents', async () => {
  const lines = documents.flatMap(linesOf)
  expect(lines.length).toBeGreaterThan(100)
  const findings: string[] = []
  for (const { document, words, inSentence } of lines) {
    const why = await refusal(words, inSentence)
    if (why !== null) findings.push(`${document}: shoal ${words.join(' ')}: ${why}`)
  }
  expect(findings).toEqual([])
})

test('a line with an option that does not exist is found', async () => {
  expect(await refusal(wordsOf('up --model demo --lan'))).toBe(null)
  expect(await refusal(wordsOf('up --modle demo'))).toMatch(/--modle/)
})
