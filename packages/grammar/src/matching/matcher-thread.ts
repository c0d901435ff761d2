import { parentPort, workerData } from 'node:worker_threads'
import type { CompiledGrammar } from '@mlc-ai/web-xgrammar'
import { grammarLimits } from '../limits.ts'
import type { GrammarText } from '../print.ts'
import { endOf, startOf } from '../strings/sorted-tokens.ts'
import { sortForStrings, StringMasks, type StringTokens } from '../strings/string-masks.ts'
import { MarkedAnswer, type StringsApart } from './marked-answer.ts'
import type { MatcherCall, MatcherReply, VocabularyBytes } from './matcher-calls.ts'
import { byteLevelTokens } from './vocabulary.ts'
import { loadXGrammar } from './xgrammar.ts'

/** Compiles grammars and matches tokens where both can be ended. It answers one call at a time, in order. */
if (parentPort === null) throw new Error('matcher-thread.ts must be started as a worker thread')
const port = parentPort
const vocabulary = workerData as VocabularyBytes
const size = vocabulary.ends.length

const library = await loadXGrammar(grammarLimits.memoryMiBMax * 1024 ** 2)
const info = await library.TokenizerInfo.createTokenizerInfo(
  byteLevelTokens(vocabulary),
  'byte_level',
  false,
  size,
  [...vocabulary.endTokenIds],
)
const compiler = await library.GrammarCompiler.createGrammarCompiler(info, false)
/** By their texts, the one that was used last at the end. */
const compiled = new Map<string, Compiled>()
const answers = new Map<number, MarkedAnswer>()
/** Sorted for the first grammar that has strings which are matched apart. */
let stringTokens: StringTokens | null = null

interface Compiled {
  readonly grammar: CompiledGrammar
  readonly strings: StringsApart | null
}

async function compile({ ebnf, strings }: GrammarText): Promise<Compiled> {
  const key = JSON.stringify([ebnf, strings])
  const made = compiled.get(key) ?? {
    grammar: await compiler.compileGrammar(ebnf),
    strings: strings.length === 0 ? null : { masks: masksOf(strings), count: strings.length },
  }
  compiled.delete(key)
  compiled.set(key, made)
  for (const [text, old] of compiled) {
    if (compiled.size <= grammarLimits.compiledKept) break
    compiled.delete(text)
    // The library counts references: a matcher of this grammar goes on.
    old.grammar.dispose()
  }
  return made
}

function masksOf(strings: GrammarText['strings']): StringMasks {
  stringTokens ??= sortForStrings(vocabulary)
  return new StringMasks(stringTokens, strings)
}

function lastByte(tokenId: number): number {
  const { bytes, ends } = vocabulary
  const end = endOf(ends, tokenId)
  return end === startOf(ends, tokenId) ? -1 : (bytes[end - 1] ?? -1)
}

async function answer(call: MatcherCall): Promise<MatcherReply> {
  if (call.name === 'open') {
    const { grammar, strings } = await compile(call.grammar)
    const matcher = await library.GrammarMatcher.createGrammarMatcher(grammar)
    answers.set(call.matcher, new MarkedAnswer(matcher, strings, lastByte))
    return {}
  }
  const state = answers.get(call.matcher)
  if (state === undefined) return {}
  if (call.name === 'close') {
    answers.delete(call.matcher)
    state.dispose()
    return {}
  }
  state.keep(call.keep)
  for (const tokenId of call.tokens)
    if (!state.accept(tokenId)) return { failure: `the grammar does not allow token ${tokenId}` }
  const mask = await state.mask()
  // Behind its end an answer has no next token.
  if (mask === null) return { mask: new Int32Array(Math.ceil(size / 32)) }
  // The library sets the bits of the last word that stand for no token.
  const last = mask.length - 1
  if (size % 32 !== 0) mask[last] = (mask[last] ?? 0) & ((1 << (size % 32)) - 1)
  return { mask }
}

async function reply(call: MatcherCall): Promise<void> {
  try {
    const given = await answer(call)
    port.postMessage(given, given.mask === undefined ? [] : [given.mask.buffer])
  } catch (error) {
    port.postMessage({ failure: error instanceof Error ? error.message : String(error) })
  }
}

port.on('message', (call: MatcherCall) => void reply(call))
port.postMessage({} satisfies MatcherReply)
