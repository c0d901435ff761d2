import { ebnf, grammarText } from '@shoal/grammar'
import { createMatchers, type Matcher, type Matchers } from '@shoal/grammar/node'
import { systemClock } from '@shoal/host/node'
import { idsOf, maskLogits, type TokenMask } from '@shoal/model'
import { grammarCases, type GrammarCase } from './grammar/cases.ts'
import { createVocabulary, type Vocabulary } from './grammar/vocabulary.ts'
import { describeMachine } from './machine.ts'
import { medians, quantile, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

/** As many tokens as Llama 3 has. */
const vocabularySize = 128_256

/**
 * What a grammar adds to each token of an answer at a large vocabulary: the set of allowed tokens from the thread that
 * matches, and its application to a row of logits. In an answer the set is found while the model computes; here nothing
 * hides it. The answers are given texts, each written with the longest tokens that the vocabulary has.
 */
export async function benchGrammar({ rounds, report }: BenchSettings): Promise<BenchReport> {
  const vocabulary = createVocabulary(vocabularySize)
  const samples: Record<string, number[]> = {}
  const add = (name: string, value: number): void => void (samples[name] ??= []).push(round(value))
  for (let turn = 0; turn < rounds; turn += 1) {
    report(`round ${turn + 1} of ${rounds}`)
    // A thread of its own in every round: it keeps compiled grammars.
    const matchers = createMatchers({ clock: systemClock, decoder: vocabulary, endTokenIds: [0] })
    try {
      const started = performance.now()
      await (await matchers.open(ebnf('root ::= "x"'))).allowed([])
      add('msStart', performance.now() - started)
      const all: Times[] = []
      for (const given of grammarCases) {
        const { compileMs, times } = await write(matchers, vocabulary, given)
        add(`msCompile${given.name}`, compileMs)
        add('msCompile', compileMs)
        all.push(...times)
        addTimes(add, given.name, times)
      }
      addTimes(add, '', all)
      add('tokens', all.length)
    } finally {
      await matchers.close()
    }
  }
  return {
    name: 'grammar',
    machine: describeMachine(),
    model: 'a made-up vocabulary',
    settings: { rounds, vocabularySize, cases: grammarCases.map(({ name }) => name) },
    samples,
    median: medians(samples),
    notes: [
      'msPerToken: the set of allowed tokens from the thread and its application to the logits; P99 and Max: of one round',
      'in an answer the set is asked for as soon as a token is drawn, and found while the model computes',
      'msCompile: once for each grammar that a thread does not know; msStart: once for each model',
    ],
  }
}

interface Times {
  readonly maskMs: number
  readonly applyMs: number
}

function addTimes(add: (name: string, value: number) => void, name: string, times: readonly Times[]): void {
  const whole = times.map(({ maskMs, applyMs }) => maskMs + applyMs)
  add(`msPerToken${name}`, quantile(whole, 0.5))
  add(`msPerToken${name}P99`, quantile(whole, 0.99))
  if (name !== '') return
  add('msPerTokenMax', Math.max(...whole))
  const of = (figure: keyof Times): number =>
    quantile(
      times.map((time) => time[figure]),
      0.5,
    )
  add('msOfMask', of('maskMs'))
  add('msOfApplication', of('applyMs'))
}

/** Writes the texts of a case under its grammar. */
async function write(
  matchers: Matchers,
  vocabulary: Vocabulary,
  { grammar, texts }: GrammarCase,
): Promise<{ compileMs: number; times: Times[] }> {
  const text = grammarText(grammar)
  const times: Times[] = []
  let compileMs = 0
  for (const [index, answer] of texts.entries()) {
    const started = performance.now()
    const matcher = await matchers.open(text)
    if (index === 0) compileMs = performance.now() - started
    times.push(...(await writeText(matcher, vocabulary, answer)))
    matcher.close()
  }
  return { compileMs, times }
}

async function writeText(matcher: Matcher, vocabulary: Vocabulary, text: string): Promise<Times[]> {
  const bytes = new TextEncoder().encode(text)
  const logits = new Float32Array(vocabulary.vocabularySize).fill(0.5)
  const row = new Float32Array(vocabulary.vocabularySize)
  const output: number[] = []
  const times: Times[] = []
  for (let start = 0; ;) {
    const asked = performance.now()
    const mask = await matcher.allowed(output)
    const given = performance.now()
    maskLogits(logits, mask, row)
    times.push({ maskMs: given - asked, applyMs: performance.now() - given })
    if (start === bytes.length) {
      if (!allows(mask, 0)) throw new Error(`the grammar does not end behind ${text}`)
      return times
    }
    const tokenId = vocabulary.idsAt(bytes, start).find((id) => allows(mask, id))
    if (tokenId === undefined)
      throw new Error(
        `the grammar allows ${idsOf(mask).length} tokens, and none for ${text.slice(start, start + 20)}`,
      )
    output.push(tokenId)
    start += vocabulary.tokenBytes(tokenId)?.length ?? 0
  }
}

const allows = (mask: TokenMask, id: number): boolean => (((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1
